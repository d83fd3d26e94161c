// What is seen and dragged: sliders, spectrum, difference, latent dots. Uses canvas.js and decoder.js.

const CURVES = {
  observed: ["observed", COLOURS.observed, 1.5, []],
  reconstruction: ["reconstruction", COLOURS.reconstruction, 1.3, []],
  truth: ["truth", COLOURS.truth, 1.6, [6, 4]],
  generated: ["generated", COLOURS.generated, 1.7, []],
}

class View {
  constructor(root) {
    this.root = root
    this.part = name => root.querySelector("." + name)
    this.hidden = new Set()
    this.sent = new Set()
    this.paints = 0
    this.zoom = null
    this.number = 0
    for (const name of ["spectrum", "difference"]) this.watchSpectrum(this.part(name))
    this.watchBars(this.part("bars"))
    this.resizing = new ResizeObserver(() => this.schedule())
    this.resizing.observe(root)
    this.onData = event => this.data && event.detail === this.data.weights && this.start()
    window.addEventListener("gandalf-data", this.onData)
    this.part("whole").onclick = () => this.setZoom(null)
    this.part("png").onclick = () => this.savePng()
    this.part("svg").onclick = () => this.saveSvg()
    this.part("reset").onclick = () => this.apply(this.star.labels, this.star.z)
    this.part("number").oninput = event => this.pickNumber(event.target.value - 1)
    this.part("value").oninput = event => this.setLatent(this.number, +event.target.value)
    this.part("value").onchange = () => this.send()
    this.part("takeone").onclick = () => this.take([this.number])
    this.part("takeall").onclick = () => this.take(this.star.z.map((_, k) => k))
  }

  destroy() {
    this.stop()
    this.resizing.disconnect()
    window.removeEventListener("gandalf-data", this.onData)
  }

  // --- what Python says ------------------------------------------------------------------------------------------

  update(data, setState) {
    this.setState = setState
    this.theme = themeOf(this.root)
    CURVES.reconstruction[1] = COLOURS.reconstruction = this.theme.dark ? "#56B4E9" : "#0072B2"
    const newStar = !this.data || this.data.star.id !== data.star.id || this.data.weights !== data.weights
    this.data = data
    this.observed = floatsOf(data.star.flux)
    this.star = { ...data.star, z: Array.from(floatsOf(data.star.z)) }
    this.other = data.other && { ...data.other, z: floatsOf(data.other.z) }
    this.truth = data.truth && { ...data.truth, before: floatsOf(data.truth.before), after: floatsOf(data.truth.after) }
    this.bands = data.bands && data.bands.map(floatsOf)
    if (newStar) [this.labels, this.z] = [{ ...this.star.labels }, [...this.star.z]]
    const wanted = data.settings
    if (wanted && wanted.star === this.star.id && !this.sent.has(wanted.token)) {
      this.labels = { ...this.labels, ...wanted.labels }
      if (wanted.z) this.z = [...wanted.z]
    }
    this.build()
    this.start()
  }

  start() {
    const packed = store.get(this.data.weights)
    if (!packed) return
    if (!this.decoder || this.decoder.key !== this.data.weights) {
      this.decoder = new Decoder(packed)
      this.decoder.key = this.data.weights
    }
    this.wave = this.decoder.wavelength_nm
    this.reconstruction = this.decoder.run(this.star.z, this.star.labels)
    this.settle = true
    this.schedule()
  }

  // --- the controls ----------------------------------------------------------------------------------------------

  build() {
    const shape = JSON.stringify([this.data.sliders, this.data.presets, this.data.edit, Boolean(this.other)])
    if (shape !== this.shape) {
      this.shape = shape
      this.part("sliders").replaceChildren(...this.data.sliders.map(slider => this.slider(slider)))
      this.part("presets").replaceChildren(...this.data.presets.map(preset => this.preset(preset)))
      this.part("edit").hidden = !this.data.edit
      this.root.classList.toggle("editing", Boolean(this.data.edit))
      this.part("number").max = this.part("number").value = this.star.z.length
      this.part("number").value = this.number + 1
      this.part("swap").hidden = !this.other
      this.part("controls").hidden = !this.data.sliders.length && !this.data.presets.length
    }
    if (this.other) this.part("othername").textContent = this.other.id
    this.legend()
    this.show()
  }

  slider(s) {
    const pad = 0.2 * (s.high - s.low), low = s.low - pad, high = s.high + pad, fine = 10 ** -s.decimals
    const range = element("input", { type: "range", min: low, max: high, step: fine, "aria-label": `${s.plain}${s.unit ? " in " + s.unit : ""}` })
    const box = element("input", { type: "number", step: s.step, "aria-label": `${s.plain}, typed value` })
    const play = element("button", { type: "button", title: `Play: sweep ${s.plain} through the sample`, "aria-label": `Play ${s.plain}` }, "▶")
    const back = element("button", { type: "button", title: `Back to the star's own ${s.plain}`, "aria-label": `Reset ${s.plain}` }, "↺")
    const beyond = element("span", { className: "beyond", role: "status" })
    const block = element("div", { className: "slider" }, element("label", {}, ...symbolNodes(s.symbol)), box, element("span", { className: "unit" }, s.unit), play, back, range, beyond)
    range.style.setProperty("--from", `${(100 * pad) / (high - low)}%`)
    range.style.setProperty("--to", `${100 - (100 * pad) / (high - low)}%`)
    block.dataset.label = s.name
    range.oninput = () => this.setLabel(s.name, +range.value)
    range.onpointerdown = () => this.stop()
    range.onchange = () => this.send()
    box.onchange = () => Number.isFinite(box.valueAsNumber) && (this.setLabel(s.name, box.valueAsNumber), this.send())
    back.onclick = () => (this.setLabel(s.name, this.star.labels[s.name]), this.send())
    play.onclick = () => (this.playing === s.name ? (this.stop(), this.send()) : this.play(s))
    return block
  }

  preset(p) {
    return element("button", { type: "button", className: "chip", onclick: () => this.apply({ ...this.star.labels, ...p.labels }, this.star.z) }, ...symbolNodes(p.name))
  }

  legend() {
    const known = Object.entries(CURVES).filter(([name]) => name !== "truth" || this.truth)
    this.part("legend").replaceChildren(...known.map(([name, [text, colour, , dash]]) => {
      const swatch = element("span", { className: dash.length ? "swatch dashed" : "swatch" })
      swatch.style.borderColor = colour
      const button = element("button", { type: "button", className: "chip", title: "Show or hide" }, swatch, name === "truth" ? this.truth.name : text)
      button.setAttribute("aria-pressed", !this.hidden.has(name))
      button.onclick = () => (this.hidden.has(name) ? this.hidden.delete(name) : this.hidden.add(name), this.legend(), this.schedule())
      return button
    }))
  }

  show() {
    for (const block of this.part("sliders").children) {
      const s = this.data.sliders.find(item => item.name === block.dataset.label), value = this.labels[s.name]
      const [box, range] = [block.querySelector("[type=number]"), block.querySelector("[type=range]")]
      const text = value.toFixed(s.decimals)
      if (this.root.getRootNode().activeElement !== box) box.value = text
      if (+range.value !== value) range.value = value
      const outside = value < s.low || value > s.high
      block.classList.toggle("outside", outside)
      const own = `this star: ${this.star.labels[s.name].toFixed(s.decimals)} ${s.unit}`
      block.querySelector(".beyond").textContent = outside ? `▲ extrapolation: the sample has ${s.low.toFixed(s.decimals)} to ${s.high.toFixed(s.decimals)} ${s.unit}` : own
      const play = block.querySelector("button")
      play.textContent = this.playing === s.name ? "⏸" : "▶"
    }
    if (this.data.edit) this.showNumber()
  }

  showNumber() {
    const value = this.part("value"), [low, high] = this.barRange()
    value.min = low
    value.max = high
    value.step = (high - low) / 500
    value.value = this.z[this.number]
    this.part("valuetext").textContent = this.z[this.number].toFixed(2)
    if (this.root.getRootNode().activeElement !== this.part("number")) this.part("number").value = this.number + 1
  }

  setLabel(name, value) {
    this.labels = { ...this.labels, [name]: value }
    this.changed()
  }

  setLatent(k, value) {
    this.z = this.z.map((v, i) => (i === k ? value : v))
    this.changed()
  }

  pickNumber(k) {
    this.number = Math.max(0, Math.min(this.z.length - 1, k || 0))
    this.changed()
  }

  take(numbers) {
    if (!this.other) return
    this.z = this.z.map((v, k) => (numbers.includes(k) ? this.other.z[k] : v))
    this.changed()
    this.send()
  }

  apply(labels, z) {
    this.stop()
    this.labels = { ...labels }
    this.z = [...z]
    this.changed()
    this.send()
  }

  changed() {
    this.show()
    this.schedule()
  }

  send() {
    const token = `${Date.now()}-${this.sent.size}`
    this.sent.add(token)
    this.settle = true
    this.schedule()
    this.setState("settings", { token, star: this.star.id, labels: this.labels, z: this.data.edit ? this.z : null })
  }

  play(s) {
    this.stop()
    this.playing = s.name
    const span = s.high - s.low, phase = Math.min(1, Math.max(0, (this.labels[s.name] - s.low) / span)), began = performance.now()
    const step = now => {
      if (this.playing !== s.name) return
      const turn = (phase + (now - began) / 4000) % 2
      this.setLabel(s.name, s.low + span * (turn < 1 ? turn : 2 - turn))
      this.frame = requestAnimationFrame(step)
    }
    this.frame = requestAnimationFrame(step)
    this.show()
  }

  stop() {
    this.playing = null
    cancelAnimationFrame(this.frame)
    if (this.data) this.show()
  }

  // --- painting --------------------------------------------------------------------------------------------------

  schedule() {
    if (this.waiting || !this.decoder) return
    this.waiting = true
    requestAnimationFrame(() => ((this.waiting = false), this.paint()))
  }

  paint() {
    if (this.part("spectrum").clientWidth < 120) return // between two layouts
    this.flux = this.decoder.run(this.z, this.labels)
    this.paints++
    const stale = this.truth && Object.entries(this.truth.labels).some(([name, value]) => Math.abs((this.labels[name] ?? value) - value) > 1e-6)
    this.curves = { observed: this.observed, reconstruction: this.reconstruction, truth: this.truth?.after, generated: this.flux }
    const minus = (a, b) => a && b && a.map((v, k) => v - b[k])
    this.changes = { generated: minus(this.flux, this.reconstruction), truth: minus(this.truth?.after, this.truth?.before) }
    this.draw("spectrum", this.curves, "Normalised flux", stale)
    this.draw("difference", this.changes, "Change of flux", stale)
    this.drawBars()
    const parts = this.data.sliders.map(s => `${s.plain} ${this.labels[s.name].toFixed(s.decimals)} ${s.unit}`.trim())
    this.root.dataset.state = parts.join(", ")
    this.part("spectrum").setAttribute("aria-label", `Spectrum of ${this.star.id}, generated under ${parts.join(", ") || "its own latent"}`)
  }

  draw(name, curves, yTitle, stale) {
    const canvas = this.part(name), { context, width, height } = fit(canvas)
    const box = { left: 58, top: name === "spectrum" ? 12 : 8, width: width - 70, height: height - (name === "spectrum" ? 34 : 48) }
    const range = this.zoom ?? [this.wave[0], this.wave[this.wave.length - 1]]
    const yRange = this.yRange(name, curves, range)
    const scale = drawAxes(context, box, range, yRange, this.theme, { yTitle, xTitle: name === "difference" ? "Vacuum wavelength [nm]" : "" })
    canvas.scale_ = { ...scale, box, range }
    context.save()
    context.beginPath()
    context.rect(box.left, box.top, box.width, box.height)
    context.clip()
    this.drawLines(context, scale, box, range, name === "spectrum")
    for (const [key, [, colour, thick, dash]] of Object.entries(CURVES)) {
      if (!curves[key] || this.hidden.has(key)) continue
      context.globalAlpha = key === "truth" && stale ? 0.3 : 1
      Object.assign(context, { strokeStyle: colour, lineWidth: thick })
      context.setLineDash(dash)
      context.beginPath()
      path(context, this.wave, curves[key], scale, range)
      context.stroke()
    }
    context.restore()
    if (canvas.hover != null) this.drawHover(context, canvas, curves)
    if (canvas.drag) this.drawDrag(context, canvas)
  }

  // Fixed while something is dragged (it only grows), fitted again when the hand lets go.
  yRange(name, curves, [a, b]) {
    let [low, high] = name === "difference" ? [-0.02, 0.02] : [Infinity, -Infinity]
    for (const key of Object.keys(curves)) {
      if (!curves[key] || this.hidden.has(key)) continue
      for (let k = 0; k < this.wave.length; k++) {
        const v = curves[key][k]
        if (this.wave[k] < a || this.wave[k] > b || !Number.isFinite(v)) continue
        if (v < low) low = v
        if (v > high) high = v
      }
    }
    const pad = 0.06 * (high - low || 1)
    const fresh = [low - pad, high + pad], kept = this.kept?.[name]
    const range = this.settle || !kept ? fresh : [Math.min(kept[0], fresh[0]), Math.max(kept[1], fresh[1])]
    this.kept = { ...this.kept, [name]: range }
    if (name === "difference") this.settle = false
    return range
  }

  drawLines(context, scale, box, [a, b], named) {
    const last = [-1e9, -1e9]
    context.strokeStyle = context.fillStyle = this.theme.text
    context.lineWidth = 1
    context.setLineDash([1, 3])
    context.textAlign = "center"
    context.font = `10px ${this.theme.font}`
    for (const [species, nm] of this.data.lines) {
      if (nm < a || nm > b) continue
      const x = scale.X(nm), room = context.measureText(species).width + 8
      context.globalAlpha = 0.35
      context.beginPath()
      context.moveTo(x, box.top)
      context.lineTo(x, box.top + box.height)
      context.stroke()
      const level = x - last[0] < room ? (x - last[1] < room ? -1 : 1) : 0
      if (!named || level < 0) continue
      last[level] = x
      context.globalAlpha = 0.7
      context.fillText(species, x, box.top + box.height - 5 - 12 * level)
    }
    context.setLineDash([])
    context.globalAlpha = 1
  }

  drawHover(context, canvas, curves) {
    const { X, box, x } = canvas.scale_, nm = x(canvas.hover)
    let k = 0
    while (k < this.wave.length - 1 && this.wave[k] < nm) k++
    const rows = Object.entries(CURVES).filter(([key]) => curves[key] && !this.hidden.has(key)).map(([key, [text, colour]]) => [`${text} ${curves[key][k].toFixed(4)}`, colour])
    const place = X(this.wave[k])
    context.font = `11px ${this.theme.font}`
    const wide = 16 + Math.max(70, ...rows.map(([text]) => context.measureText(text).width))
    const left = place + wide + 12 > box.left + box.width ? place - wide - 8 : place + 8
    Object.assign(context, { globalAlpha: 0.5, strokeStyle: this.theme.text, lineWidth: 1 })
    context.strokeRect(place, box.top, 0, box.height)
    Object.assign(context, { globalAlpha: 0.92, fillStyle: this.theme.panel })
    context.fillRect(left, box.top + 6, wide, 20 + 15 * rows.length)
    Object.assign(context, { globalAlpha: 1, fillStyle: this.theme.text, textAlign: "left" })
    context.fillText(`${this.wave[k].toFixed(3)} nm`, left + 8, box.top + 20)
    rows.forEach(([text, colour], i) => {
      context.fillStyle = colour
      context.fillRect(left + 2, box.top + 26 + 15 * i, 3, 11)
      context.fillStyle = this.theme.text
      context.fillText(text, left + 8, box.top + 35 + 15 * i)
    })
  }

  drawDrag(context, canvas) {
    const { box } = canvas.scale_, [a, b] = canvas.drag
    Object.assign(context, { globalAlpha: 0.18, fillStyle: this.theme.primary })
    context.fillRect(Math.min(a, b), box.top, Math.abs(b - a), box.height)
    context.globalAlpha = 1
  }

  // --- the latent bars -------------------------------------------------------------------------------------------

  barRange() {
    const low = Math.min(...(this.bands?.[0] ?? []), ...this.star.z), high = Math.max(...(this.bands?.[4] ?? []), ...this.star.z)
    const pad = 0.35 * (high - low || 1)
    return [low - pad, high + pad]
  }

  drawBars() {
    const canvas = this.part("bars"), { context, width, height } = fit(canvas), count = this.z.length
    const box = { left: 58, top: 8, width: width - 70, height: height - 46 }
    const { X, Y } = drawAxes(context, box, [0.5, count + 0.5], this.barRange(), this.theme, { xTitle: "Latent number", yTitle: "Latent", whole: true })
    canvas.scale_ = { box }
    const column = box.width / count, wide = column * 0.7
    for (let k = 0; k < count; k++) {
      const x = X(k + 1)
      if (this.data.edit && k === this.number) {
        Object.assign(context, { globalAlpha: 0.12, fillStyle: this.theme.primary })
        context.fillRect(x - column / 2, box.top, column, box.height)
      }
      context.fillStyle = this.theme.text
      for (const [low, high, alpha] of this.bands ? [[0, 4, 0.1], [1, 3, 0.16]] : []) {
        context.globalAlpha = alpha
        context.fillRect(x - wide / 2, Y(this.bands[high][k]), wide, Y(this.bands[low][k]) - Y(this.bands[high][k]))
      }
      context.globalAlpha = 1
      Object.assign(context, { strokeStyle: COLOURS.reconstruction, lineWidth: 2 })
      context.strokeRect(x - wide / 2, Y(this.star.z[k]), wide, 0)
      if (this.other) {
        context.fillStyle = COLOURS.uploaded
        context.fillRect(x - 2, Y(this.other.z[k]) - 4, 4, 8)
      }
      context.fillStyle = COLOURS.generated
      context.beginPath()
      context.arc(x, Y(this.z[k]), Math.min(6, wide / 2), 0, 7)
      context.fill()
    }
  }

  watchBars(canvas) {
    const place = event => {
      const { left, top } = canvas.getBoundingClientRect(), { box } = canvas.scale_, [low, high] = this.barRange()
      const k = Math.floor(((event.clientX - left - box.left) / box.width) * this.z.length)
      return [k, high - ((event.clientY - top - box.top) / box.height) * (high - low), low, high]
    }
    canvas.onpointerdown = event => {
      const [k, value] = place(event)
      if (!this.data.edit || k < 0 || k >= this.z.length) return
      canvas.setPointerCapture(event.pointerId)
      canvas.held = k
      this.number = k
      this.setLatent(k, value)
    }
    canvas.onpointermove = event => {
      if (canvas.held == null) return
      const [, value, low, high] = place(event)
      this.setLatent(canvas.held, Math.max(low, Math.min(high, value)))
    }
    canvas.onpointerup = canvas.onpointercancel = () => {
      if (canvas.held == null) return
      canvas.held = null
      this.send()
    }
  }

  // --- zoom and hover --------------------------------------------------------------------------------------------

  setZoom(range) {
    this.zoom = range
    this.settle = true
    this.schedule()
  }

  watchSpectrum(canvas) {
    const at = event => event.clientX - canvas.getBoundingClientRect().left
    canvas.onpointerdown = event => (canvas.setPointerCapture(event.pointerId), (canvas.drag = [at(event), at(event)]), (canvas.pan = event.shiftKey && canvas.scale_.range))
    canvas.onpointermove = event => {
      canvas.hover = at(event)
      if (canvas.drag) canvas.drag[1] = at(event)
      if (canvas.pan) this.shift(canvas, canvas.pan, canvas.scale_.x(canvas.drag[0]) - canvas.scale_.x(canvas.drag[1]))
      this.schedule()
    }
    canvas.onpointerup = () => {
      const [a, b] = canvas.drag ?? [0, 0]
      const wanted = !canvas.pan && Math.abs(b - a) > 5 && [Math.min(a, b), Math.max(a, b)].map(canvas.scale_.x)
      canvas.drag = canvas.pan = null
      wanted && wanted[1] - wanted[0] > 0.1 ? this.setZoom(this.clamp(wanted)) : this.schedule()
    }
    canvas.onpointerleave = () => ((canvas.hover = null), this.schedule())
    canvas.ondblclick = () => this.setZoom(null)
    canvas.onkeydown = event => this.key(event, canvas)
  }

  clamp([a, b]) {
    return [Math.max(a, this.wave[0]), Math.min(b, this.wave[this.wave.length - 1])]
  }

  shift(canvas, [a, b], by) {
    const low = Math.max(this.wave[0] - a, Math.min(this.wave[this.wave.length - 1] - b, by))
    this.zoom = [a + low, b + low]
  }

  key(event, canvas) {
    const [a, b] = canvas.scale_.range, half = (b - a) / 2, middle = (a + b) / 2
    const wanted = {
      "+": () => this.setZoom([middle - half / 1.5, middle + half / 1.5]), "-": () => this.setZoom(this.clamp([middle - half * 1.5, middle + half * 1.5])),
      ArrowLeft: () => (this.shift(canvas, [a, b], -half / 5), this.schedule()), ArrowRight: () => (this.shift(canvas, [a, b], half / 5), this.schedule()), Escape: () => this.setZoom(null),
    }[event.key]
    if (wanted) (event.preventDefault(), wanted())
  }

  // --- export ----------------------------------------------------------------------------------------------------

  get caption() {
    return `${this.data.title} · ${this.star.id} · ${this.root.dataset.state}`
  }

  savePng() {
    const [a, b] = ["spectrum", "difference"].map(this.part), ratio = window.devicePixelRatio || 1
    const sheet = element("canvas", { width: a.width, height: a.height + b.height + 28 * ratio }), context = sheet.getContext("2d")
    context.fillStyle = this.theme.background
    context.fillRect(0, 0, sheet.width, sheet.height)
    context.fillStyle = this.theme.text
    context.font = `${13 * ratio}px ${this.theme.font}`
    context.fillText(this.caption, 10 * ratio, 19 * ratio)
    context.drawImage(a, 0, 28 * ratio)
    context.drawImage(b, 0, 28 * ratio + a.height)
    sheet.toBlob(blob => save("gandalf-spectrum.png", blob))
  }

  saveSvg() {
    const escape = text => text.replace(/[<>&"]/g, c => `&#${c.charCodeAt(0)};`)
    const range = this.zoom ?? [this.wave[0], this.wave[this.wave.length - 1]]
    const groups = [["spectrum", this.curves, 40, 320, "Normalised flux"], ["difference", this.changes, 390, 160, "Change of flux"]].map(([name, curves, top, high, title]) => {
      const y = this.kept[name], box = { left: 70, top, width: 800, height: high }
      const recorder = new SvgPath()
      const scale = { X: v => box.left + ((v - range[0]) / (range[1] - range[0])) * box.width, Y: v => top + high - ((v - y[0]) / (y[1] - y[0])) * high }
      const lines = Object.entries(CURVES).filter(([key]) => curves[key] && !this.hidden.has(key)).map(([key, [, colour, thick, dash]]) => {
        recorder.text = ""
        path(recorder, this.wave, curves[key], scale, range)
        return `<path d="${recorder.text}" fill="none" stroke="${colour}" stroke-width="${thick}" stroke-dasharray="${dash.join(" ")}"/>`
      })
      const marks = ticksOf(...range, 9).map(([v, text]) => `<text x="${scale.X(v)}" y="${top + high + 14}" text-anchor="middle">${text}</text>`)
      marks.push(...ticksOf(...y, 6).map(([v, text]) => `<text x="64" y="${scale.Y(v) + 4}" text-anchor="end">${text}</text>`))
      return `<rect x="${box.left}" y="${top}" width="${box.width}" height="${high}" fill="none" stroke="#888"/><text transform="translate(16 ${top + high / 2}) rotate(-90)" text-anchor="middle">${title}</text>${marks.join("")}${lines.join("")}`
    })
    const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 600" font-family="sans-serif" font-size="11"><rect width="900" height="600" fill="#fff"/><text x="70" y="24" font-size="13">${escape(this.caption)}</text>${groups.join("")}<text x="470" y="590" text-anchor="middle">Vacuum wavelength [nm]</text></svg>`
    save("gandalf-spectrum.svg", new Blob([text], { type: "image/svg+xml" }))
  }
}

class SvgPath {
  moveTo(x, y) { this.text += `M${x.toFixed(2)} ${y.toFixed(2)}` }
  lineTo(x, y) { this.text += `L${x.toFixed(2)} ${y.toFixed(2)}` }
}

// A curve with gaps where it is not finite, only as far as it is visible.
function path(context, wave, flux, scale, [a, b]) {
  let pen = false
  for (let k = 0; k < wave.length; k++) {
    const visible = wave[Math.min(k + 1, wave.length - 1)] >= a && wave[Math.max(k - 1, 0)] <= b && Number.isFinite(flux[k])
    if (visible) pen ? context.lineTo(scale.X(wave[k]), scale.Y(flux[k])) : context.moveTo(scale.X(wave[k]), scale.Y(flux[k]))
    pen = visible
  }
}

export default function ({ data, parentElement, setStateValue }) {
  if (data instanceof Uint8Array) {
    const packed = unpack(data)
    keep(packed.header.key, packed)
    return
  }
  const root = parentElement.querySelector(".gandalf")
  root.gandalf ??= new View(root)
  root.gandalf.update(data, setStateValue)
  return () => (root.gandalf.destroy(), (root.gandalf = null))
}
