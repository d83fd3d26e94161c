// Linked diagrams over the same stars: lasso in one, and the same stars light up in all. Uses canvas.js.

const FADED = 0.16

class Panels {
  constructor(root) {
    this.root = root
    this.grid = root.querySelector(".grid")
    this.zooms = new Map()
    this.sent = new Set()
    this.paints = 0
    this.mode = "lasso"
    for (const button of root.querySelectorAll("[data-mode]")) button.onclick = () => this.setMode(button.dataset.mode)
    root.querySelector(".whole").onclick = () => (this.zooms.clear(), this.schedule())
    root.querySelector(".clear").onclick = () => this.select(new Uint8Array(this.count))
    root.querySelector(".png").onclick = () => this.savePng()
    this.resizing = new ResizeObserver(() => this.schedule())
    this.resizing.observe(root)
    this.onData = event => this.data && event.detail === this.data.table && this.start()
    window.addEventListener("gandalf-data", this.onData)
  }

  destroy() {
    this.resizing.disconnect()
    window.removeEventListener("gandalf-data", this.onData)
  }

  update(data, setState, setTrigger) {
    Object.assign(this, { setState, setTrigger, data, theme: themeOf(this.root) })
    this.start()
  }

  start() {
    const packed = store.get(this.data.table)
    if (!packed) return
    if (this.key !== this.data.table) {
      this.key = this.data.table
      Object.assign(this, packed.header)
      const columns = names => Object.fromEntries(Object.entries(packed.header.arrays).filter(([n]) => n.startsWith(names)).map(([n, place]) => [n.slice(names.length), packed.array(place)]))
      this.columns = columns("c:")
      this.overlay = columns("o:")
      this.count = this.ids.length
      this.selected = new Uint8Array(this.count)
      this.build()
    }
    if (!this.sent.has(this.data.token)) this.adopt(this.data.selected)
    this.tell()
    this.schedule()
  }

  adopt(text) {
    const bits = bytesOf(text)
    this.selected = Uint8Array.from({ length: this.count }, (_, k) => (bits[k >> 3] >> (k & 7)) & 1)
  }

  build() {
    this.root.style.setProperty("--columns", this.data.columns)
    this.views = this.panels.map(panel => {
      const canvas = element("canvas", { tabIndex: 0 })
      canvas.setAttribute("role", "img")
      canvas.setAttribute("aria-label", `${panel.title}${panel.note ? ", " + panel.note : ""}, ${this.count} stars`)
      const note = element("div", { className: "note" }, element("span", {}, panel.note), this.colourBar(panel))
      const box = element("figure", {}, element("figcaption", {}, ...symbolNodes(panel.title)), canvas, note)
      const view = { panel, canvas, box }
      this.watch(view)
      return view
    })
    this.grid.classList.toggle("maps", !this.panels.some(panel => panel.x_title))
    this.grid.replaceChildren(...this.views.map(view => view.box))
  }

  colourBar(panel) {
    if (!panel.colour_title || panel.colour_title === "crowding") return ""
    const [low, high] = panel.colour_range, digits = high - low > 50 ? 0 : 1
    const bar = element("span", { className: "colours" })
    bar.style.background = `linear-gradient(to right, ${visible(VIRIDIS, this.theme.dark).map(([r, g, b]) => `rgb(${r},${g},${b})`).join(",")})`
    return element("span", { className: "scale" }, low.toFixed(digits), bar, high.toFixed(digits))
  }

  setMode(mode) {
    this.mode = mode
    for (const button of this.root.querySelectorAll("[data-mode]")) button.setAttribute("aria-pressed", button.dataset.mode === mode)
    this.grid.dataset.mode = mode
  }

  tell() {
    const chosen = this.selected.reduce((sum, v) => sum + v, 0)
    this.chosen = chosen
    this.root.querySelector(".told").textContent = chosen ? `${chosen.toLocaleString("en")} of ${this.count.toLocaleString("en")} stars selected` : `${this.count.toLocaleString("en")} stars; draw a lasso around some, click one to pick it`
    this.root.querySelector(".clear").disabled = !chosen
  }

  select(selected) {
    this.selected = selected
    this.tell()
    this.schedule()
    const bits = new Uint8Array(Math.ceil(this.count / 8))
    selected.forEach((v, k) => v && (bits[k >> 3] |= 1 << (k & 7)))
    const token = `${Date.now()}-${this.sent.size}`
    this.sent.add(token)
    this.setState("selection", { token, table: this.key, bits: this.chosen ? textOf(bits) : "" })
  }

  // --- painting: points go straight into the pixels, so that 64,000 of them follow the hand ------------------------

  schedule() {
    if (this.waiting || !this.views) return
    this.waiting = true
    requestAnimationFrame(() => ((this.waiting = false), this.paint()))
  }

  paint() {
    for (const view of this.views) if (view.canvas.clientWidth) this.draw(view)
    this.paints++
  }

  rangeOf({ panel }) {
    return this.zooms.get(`${panel.x}|${panel.y}`) ?? [panel.x_range, panel.y_range]
  }

  draw(view) {
    const { panel, canvas } = view, { context, width, height, ratio } = fit(canvas)
    const titled = Boolean(panel.x_title)
    const box = titled ? { left: 58, top: 6, width: width - 76, height: height - 48 } : { left: 2, top: 2, width: width - 4, height: height - 4 }
    const [xRange, yRange] = this.rangeOf(view)
    this.points(view, box, context, ratio, xRange, yRange)
    view.scale = drawAxes(context, box, xRange, yRange, this.theme, { xTitle: panel.x_title, yTitle: panel.y_title, ticks: titled })
    view.box_ = box
    context.save()
    context.beginPath()
    context.rect(box.left, box.top, box.width, box.height)
    context.clip()
    this.marks(view, context)
    if (view.lasso) this.drawLasso(context, view.lasso)
    context.restore()
    if (view.hover >= 0) this.drawHover(context, view, width)
  }

  points({ panel }, box, context, ratio, [x0, x1], [y0, y1]) {
    const x = this.columns[panel.x], y = this.columns[panel.y], colour = this.columns[panel.colour]
    const width = Math.round(box.width * ratio), height = Math.round(box.height * ratio)
    if (width < 1 || height < 1) return
    const image = context.createImageData(width, height), pixels = new Uint32Array(image.data.buffer)
    const scale = visible(VIRIDIS, this.theme.dark)
    const [low, high] = panel.colour_range, steps = (scale.length - 1) / (high - low)
    const size = Math.max(1, Math.min(4 * ratio, Math.round(0.75 * Math.sqrt((width * height) / this.count))))
    const grey = 0x8a8a8a | (Math.round(255 * FADED) << 24), none = 0x8a8a8a | (90 << 24)
    const lit = 0xff000000 | (0x00 << 16) | (0x9f << 8) | 0xe6
    const passes = this.chosen ? [0, 1] : [2]
    for (const pass of passes) {
      for (let k = 0; k < this.count; k++) {
        if (pass < 2 && this.selected[k] !== pass) continue
        const px = Math.round(((x[k] - x0) / (x1 - x0)) * width), py = Math.round(((y1 - y[k]) / (y1 - y0)) * height)
        if (!(px >= -size && px < width + size && py >= -size && py < height + size)) continue
        const rgb = colour && scale[Math.max(0, Math.min(scale.length - 1, Math.round((colour[k] - low) * steps)))]
        const value = pass === 0 ? grey : pass === 1 && panel.colour_title === "crowding" ? lit : rgb ? 0xff000000 | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0] : none
        dot(pixels, width, height, px - (size >> 1), py - (size >> 1), size, value)
      }
    }
    const at = { x: Math.round(box.left * ratio), y: Math.round(box.top * ratio) }
    context.putImageData(image, at.x, at.y)
  }

  // The picked star as a ring, uploaded stars as large diamonds with their error bars.
  marks({ panel, scale }, context) {
    const x = this.overlay[panel.x], y = this.overlay[panel.y]
    const errors = [this.overlay[`${panel.x}_error`], this.overlay[`${panel.y}_error`]]
    this.overlay_ids.forEach((id, k) => x && y && this.diamond(context, scale, x[k], y[k], errors.map(e => e?.[k]), id === this.data.star))
    const picked = this.ids.indexOf(this.data.star)
    if (picked < 0) return
    const [px, py] = [scale.X(this.columns[panel.x][picked]), scale.Y(this.columns[panel.y][picked])]
    for (const [colour, wide] of [[this.theme.background, 5], [COLOURS.generated, 2.5]]) {
      Object.assign(context, { strokeStyle: colour, lineWidth: wide })
      context.beginPath()
      context.arc(px, py, 7, 0, 7)
      context.stroke()
    }
  }

  diamond(context, { X, Y }, x, y, [dx, dy], picked) {
    const px = X(x), py = Y(y)
    if (!Number.isFinite(px + py)) return
    Object.assign(context, { strokeStyle: COLOURS.uploaded, lineWidth: 2 })
    context.beginPath()
    if (dx) (context.moveTo(X(x - dx), py), context.lineTo(X(x + dx), py))
    if (dy) (context.moveTo(px, Y(y - dy)), context.lineTo(px, Y(y + dy)))
    context.stroke()
    const size = picked ? 9 : 6
    context.beginPath()
    context.moveTo(px, py - size), context.lineTo(px + size, py), context.lineTo(px, py + size), context.lineTo(px - size, py), context.closePath()
    Object.assign(context, { fillStyle: COLOURS.uploaded, strokeStyle: picked ? COLOURS.generated : this.theme.background, lineWidth: picked ? 3 : 1.5 })
    context.fill()
    context.stroke()
  }

  drawLasso(context, points) {
    context.beginPath()
    points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)))
    context.closePath()
    Object.assign(context, { fillStyle: COLOURS.selected, strokeStyle: COLOURS.selected, lineWidth: 1.5, globalAlpha: 0.2 })
    context.fill()
    context.globalAlpha = 1
    context.stroke()
  }

  drawHover(context, { panel, hover, scale }, width) {
    const names = Object.keys(this.names)
    const rows = [this.ids[hover], ...names.map(name => `${this.names[name].plain} ${this.columns[name][hover].toFixed(this.names[name].decimals)} ${this.names[name].unit}`)]
    const x = scale.X(this.columns[panel.x][hover]), y = scale.Y(this.columns[panel.y][hover])
    context.font = `11px ${this.theme.font}`
    const wide = 14 + Math.max(...rows.map(row => context.measureText(row).width)), left = x + wide + 12 > width ? x - wide - 8 : x + 8
    const top = Math.max(2, y - 8 - 14 * rows.length)
    Object.assign(context, { globalAlpha: 0.93, fillStyle: this.theme.panel })
    context.fillRect(left, top, wide, 8 + 14 * rows.length)
    Object.assign(context, { globalAlpha: 1, fillStyle: this.theme.text, textAlign: "left" })
    rows.forEach((row, k) => context.fillText(row, left + 7, top + 14 + 14 * k))
    context.strokeStyle = this.theme.text
    context.strokeRect(x - 4, y - 4, 8, 8)
  }

  // --- the hand --------------------------------------------------------------------------------------------------

  watch(view) {
    const { canvas } = view
    const at = event => { const r = canvas.getBoundingClientRect(); return [event.clientX - r.left, event.clientY - r.top] }
    canvas.onpointerdown = event => {
      canvas.setPointerCapture(event.pointerId)
      view.down = at(event)
      view.from = this.rangeOf(view)
      view.kind = this.mode === "pan" || event.shiftKey ? "pan" : this.mode
      if (view.kind !== "pan") view.lasso = [view.down]
    }
    canvas.onpointermove = event => (view.down ? this.drag(view, at(event)) : this.hoverAt(view, at(event)))
    canvas.onpointerup = event => this.release(view, at(event))
    canvas.onpointerleave = () => view.hover >= 0 && ((view.hover = -1), this.schedule())
    canvas.ondblclick = () => (this.zooms.delete(`${view.panel.x}|${view.panel.y}`), this.schedule())
    canvas.onwheel = event => this.mode === "pan" && (event.preventDefault(), this.zoomAt(view, at(event), event.deltaY > 0 ? 1.25 : 0.8))
    canvas.onkeydown = event => {
      const middle = [view.box_.left + view.box_.width / 2, view.box_.top + view.box_.height / 2]
      const factor = { "+": 0.7, "-": 1.4 }[event.key]
      if (factor) this.zoomAt(view, middle, factor)
      if (event.key === "Escape") (this.zooms.clear(), this.schedule())
    }
  }

  drag(view, [x, y]) {
    view.hover = -1
    if (view.kind === "pan") this.pan(view, x - view.down[0], y - view.down[1])
    else if (view.kind === "box") view.lasso = [view.down, [x, view.down[1]], [x, y], [view.down[0], y]]
    else view.lasso.push([x, y])
    this.schedule()
  }

  pan(view, dx, dy) {
    const [[x0, x1], [y0, y1]] = view.from, mx = (dx / view.box_.width) * (x1 - x0), my = (dy / view.box_.height) * (y1 - y0)
    this.zooms.set(`${view.panel.x}|${view.panel.y}`, [[x0 - mx, x1 - mx], [y0 + my, y1 + my]])
  }

  zoomAt(view, [px, py], factor) {
    const [[x0, x1], [y0, y1]] = this.rangeOf(view), x = view.scale.x(px), y = view.scale.y(py)
    this.zooms.set(`${view.panel.x}|${view.panel.y}`, [[x + (x0 - x) * factor, x + (x1 - x) * factor], [y + (y0 - y) * factor, y + (y1 - y) * factor]])
    this.schedule()
  }

  release(view, [x, y]) {
    if (!view.down) return
    const moved = Math.hypot(x - view.down[0], y - view.down[1]) > 4 || (view.lasso?.length ?? 0) > 6
    const corners = view.lasso?.map(([px, py]) => [view.scale.x(px), view.scale.y(py)])
    view.down = view.lasso = null
    if (moved && view.kind !== "pan") this.select(this.within(view.panel, corners))
    else if (!moved) this.pick(view, [x, y])
    this.schedule()
  }

  within(panel, corners) {
    const x = this.columns[panel.x], y = this.columns[panel.y], inside = new Uint8Array(this.count)
    for (let k = 0; k < this.count; k++) {
      let odd = 0
      for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
        const [xi, yi] = corners[i], [xj, yj] = corners[j]
        if (yi > y[k] !== yj > y[k] && x[k] < ((xj - xi) * (y[k] - yi)) / (yj - yi) + xi) odd ^= 1
      }
      inside[k] = odd
    }
    return inside
  }

  nearest(view, [px, py], reach) {
    const x = this.columns[view.panel.x], y = this.columns[view.panel.y]
    const [[x0, x1], [y0, y1]] = this.rangeOf(view), sx = view.box_.width / (x1 - x0), sy = view.box_.height / (y1 - y0)
    const cx = view.scale.x(px), cy = view.scale.y(py)
    let best = -1, least = reach * reach
    for (let k = 0; k < this.count; k++) {
      const d = ((x[k] - cx) * sx) ** 2 + ((y[k] - cy) * sy) ** 2
      if (d < least) (least = d), (best = k)
    }
    return best
  }

  hoverAt(view, place) {
    const found = this.nearest(view, place, 9)
    if (found !== view.hover) (view.hover = found), this.schedule()
  }

  pick(view, place) {
    const found = this.nearest(view, place, 9)
    if (found >= 0) this.setTrigger("picked", this.ids[found])
  }

  savePng() {
    const ratio = window.devicePixelRatio || 1, pad = 26 * ratio, { canvas } = this.views[0], columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length
    const wide = canvas.width + pad, high = canvas.height + 2 * pad, rows = Math.ceil(this.views.length / columns)
    const sheet = element("canvas", { width: wide * columns, height: high * rows }), context = sheet.getContext("2d")
    context.fillStyle = this.theme.background
    context.fillRect(0, 0, sheet.width, sheet.height)
    context.fillStyle = this.theme.text
    this.views.forEach((view, k) => {
      const left = (k % columns) * wide + pad / 2, top = Math.floor(k / columns) * high
      drawSymbol(context, `${view.panel.title}   ${view.panel.note}`, left, top + 18 * ratio, 13 * ratio, this.theme.font)
      context.drawImage(view.canvas, left, top + pad)
    })
    sheet.toBlob(blob => save("gandalf-diagrams.png", blob))
  }
}

// A square, without its corners when it is large enough to look round.
function dot(pixels, width, height, left, top, size, value) {
  for (let j = 0; j < size; j++) {
    const cut = size > 3 && (j === 0 || j === size - 1) ? 1 : 0, y = top + j
    if (y < 0 || y >= height) continue
    for (let x = Math.max(0, left + cut), end = Math.min(width, left + size - cut); x < end; x++) pixels[y * width + x] = value
  }
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  if (data instanceof Uint8Array) {
    const packed = unpack(data)
    keep(packed.header.key, packed)
    return
  }
  const root = parentElement.querySelector(".panels")
  root.gandalf ??= new Panels(root)
  root.gandalf.update(data, setStateValue, setTriggerValue)
  return () => (root.gandalf.destroy(), (root.gandalf = null))
}
