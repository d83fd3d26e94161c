// The view of the live decoder: what Python says, the controls, what goes back. Uses canvas.js, decoder.js and the mixins.

class View extends Saving(Hands(Painting(class {}))) {
  constructor(root) {
    super()
    this.root = root
    this.part = name => root.querySelector("." + name)
    this.hidden = new Set()
    this.pending = this.taken = null // tokens of the settings that Python has not answered yet, and of those taken from it
    this.count = 0
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
    this.truth = data.truth && {
      ...data.truth,
      before: floatsOf(data.truth.before),
      after: floatsOf(data.truth.after),
    }
    this.bands = data.bands && data.bands.map(floatsOf)
    this.follow(data.settings, newStar)
    this.build()
    this.start()
  }

  // Python's settings are what the numbers and downloads below are of: take them, but for an answer to what is no longer the
  // last word sent, and for what was taken before (a slider may be on its way since).
  follow(wanted, newStar) {
    if (wanted.token === this.pending || newStar) this.pending = null
    if (!newStar && (this.pending || wanted.token === this.taken)) return
    this.taken = wanted.token
    this.labels = { ...this.star.labels, ...wanted.labels }
    this.z = wanted.z ? [...wanted.z] : [...this.star.z]
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
    const [low, high] = this.track(s),
      share = value => `${(100 * (value - low)) / (high - low)}%`
    const range = element("input", {
      type: "range",
      min: low,
      max: high,
      step: 10 ** -s.decimals,
      "aria-label": `${s.plain}${s.unit ? " in " + s.unit : ""}`,
    })
    const box = element("input", { type: "number", step: s.step, "aria-label": `${s.plain}, typed value` })
    const play = element(
      "button",
      { type: "button", title: `Play: sweep ${s.plain} through the sample`, "aria-label": `Play ${s.plain}` },
      "▶",
    )
    const back = element(
      "button",
      { type: "button", title: `Back to the star's own ${s.plain}`, "aria-label": `Reset ${s.plain}` },
      "↺",
    )
    const beyond = element("span", { className: "beyond", role: "status" })
    const block = element(
      "div",
      { className: "slider" },
      element("label", {}, ...symbolNodes(s.symbol)),
      box,
      element("span", { className: "unit" }, s.unit),
      play,
      back,
      range,
      beyond,
    )
    range.style.setProperty("--from", share(s.low))
    range.style.setProperty("--to", share(s.high))
    block.dataset.label = s.name
    range.oninput = () => this.setLabel(s.name, +range.value)
    range.onpointerdown = () => this.stop()
    range.onchange = () => this.send()
    box.onchange = () => {
      const typed = box.valueAsNumber
      if (Number.isFinite(typed)) (this.setLabel(s.name, Math.max(low, Math.min(high, typed))), this.send())
      box.value = this.labels[s.name].toFixed(s.decimals) // what holds, whatever was typed
    }
    back.onclick = () => (this.setLabel(s.name, this.star.labels[s.name]), this.send())
    play.onclick = () => (this.playing === s.name ? (this.stop(), this.send()) : this.play(s))
    return block
  }

  // The ends of a slider: a fifth of the sample's range beyond it, or as far as a preset goes.
  track(s) {
    const fine = 10 ** -s.decimals,
      pad = 0.2 * (s.high - s.low),
      asked = this.data.presets.map(p => p.labels[s.name] ?? s.low)
    return [
      Math.floor(Math.min(s.low - pad, ...asked) / fine) * fine,
      Math.ceil(Math.max(s.high + pad, ...asked) / fine) * fine,
    ]
  }

  preset(p) {
    return element(
      "button",
      {
        type: "button",
        className: "chip",
        onclick: () => this.apply({ ...this.star.labels, ...p.labels }, this.star.z),
      },
      ...symbolNodes(p.name),
    )
  }

  legend() {
    const known = Object.entries(CURVES).filter(([name]) => name !== "truth" || this.truth)
    const shape = JSON.stringify([known, this.truth?.name])
    if (shape === this.named) return // a new chip would not have the keyboard's focus
    this.named = shape
    this.part("legend").replaceChildren(
      ...known.map(([name, [, colour, , dash]]) => {
        const swatch = element("span", { className: dash.length ? "swatch dashed" : "swatch" })
        swatch.style.borderColor = colour
        const button = element(
          "button",
          { type: "button", className: "chip", title: "Show or hide" },
          swatch,
          this.nameOf(name),
        )
        button.setAttribute("aria-pressed", !this.hidden.has(name))
        button.onclick = () => {
          this.hidden.delete(name) || this.hidden.add(name)
          button.setAttribute("aria-pressed", !this.hidden.has(name))
          this.schedule()
        }
        return button
      }),
    )
  }

  show() {
    for (const block of this.part("sliders").children) {
      const s = this.data.sliders.find(item => item.name === block.dataset.label),
        value = this.labels[s.name]
      const [box, range] = [block.querySelector("[type=number]"), block.querySelector("[type=range]")]
      const text = value.toFixed(s.decimals)
      if (this.root.getRootNode().activeElement !== box) box.value = text
      if (+range.value !== value) range.value = value
      const outside = value < s.low || value > s.high
      block.classList.toggle("outside", outside)
      const own = `this star: ${this.star.labels[s.name].toFixed(s.decimals)} ${s.unit}`
      block.querySelector(".beyond").textContent = outside
        ? `▲ extrapolation: 98 % of stars have ${s.low.toFixed(s.decimals)} to ${s.high.toFixed(s.decimals)} ${s.unit}`
        : own
      const play = block.querySelector("button")
      play.textContent = this.playing === s.name ? "⏸" : "▶"
    }
    if (this.data.edit) this.showNumber()
  }

  showNumber() {
    const value = this.part("value"),
      [low, high] = this.barRange()
    value.min = low
    value.max = high
    value.step = (high - low) / 500
    value.value = this.z[this.number]
    this.part("valuetext").textContent = this.z[this.number].toFixed(2)
    if (this.root.getRootNode().activeElement !== this.part("number"))
      this.part("number").value = this.number + 1
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
    const token = `${Date.now()}-${this.count++}`
    this.pending = this.taken = token
    this.settle = true
    this.schedule()
    this.setState("settings", {
      token,
      star: this.star.id,
      labels: this.labels,
      z: this.data.edit ? this.z : null,
    })
  }

  play(s) {
    this.stop()
    this.playing = s.name
    const span = s.high - s.low,
      phase = Math.min(1, Math.max(0, (this.labels[s.name] - s.low) / span)),
      began = performance.now()
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
