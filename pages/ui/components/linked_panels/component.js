// Linked diagrams over the same stars: lasso in one, and the same stars light up in all. Uses canvas.js and painting.js.

class Panels extends Painting(class {}) {
  constructor(root) {
    super()
    this.root = root
    this.grid = root.querySelector(".grid")
    this.zooms = new Map()
    this.sent = new Set()
    this.paints = 0
    this.mode = "lasso"
    for (const button of root.querySelectorAll("[data-mode]"))
      button.onclick = () => this.setMode(button.dataset.mode)
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
      const columns = names =>
        Object.fromEntries(
          Object.entries(packed.header.arrays)
            .filter(([n]) => n.startsWith(names))
            .map(([n, place]) => [n.slice(names.length), packed.array(place)]),
        )
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
      canvas.setAttribute(
        "aria-label",
        `${panel.title}${panel.note ? ", " + panel.note : ""}, ${this.count} stars`,
      )
      const note = element(
        "div",
        { className: "note" },
        element("span", {}, panel.note),
        this.colourBar(panel),
      )
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
    const [low, high] = panel.colour_range,
      digits = high - low > 50 ? 0 : 1
    const bar = element("span", { className: "colours" })
    bar.style.background = `linear-gradient(to right, ${visible(VIRIDIS, this.theme.dark)
      .map(([r, g, b]) => `rgb(${r},${g},${b})`)
      .join(",")})`
    return element("span", { className: "scale" }, low.toFixed(digits), bar, high.toFixed(digits))
  }

  setMode(mode) {
    this.mode = mode
    for (const button of this.root.querySelectorAll("[data-mode]"))
      button.setAttribute("aria-pressed", button.dataset.mode === mode)
    this.grid.dataset.mode = mode
  }

  tell() {
    const chosen = this.selected.reduce((sum, v) => sum + v, 0)
    this.chosen = chosen
    this.root.querySelector(".told").textContent = chosen
      ? `${chosen.toLocaleString("en")} of ${this.count.toLocaleString("en")} stars selected`
      : `${this.count.toLocaleString("en")} stars; draw a lasso around some, click one to pick it`
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

  // --- the hand --------------------------------------------------------------------------------------------------

  watch(view) {
    const { canvas } = view
    const at = event => {
      const r = canvas.getBoundingClientRect()
      return [event.clientX - r.left, event.clientY - r.top]
    }
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
    canvas.onwheel = event =>
      this.mode === "pan" &&
      (event.preventDefault(), this.zoomAt(view, at(event), event.deltaY > 0 ? 1.25 : 0.8))
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
    const [[x0, x1], [y0, y1]] = view.from,
      mx = (dx / view.box_.width) * (x1 - x0),
      my = (dy / view.box_.height) * (y1 - y0)
    this.zooms.set(`${view.panel.x}|${view.panel.y}`, [
      [x0 - mx, x1 - mx],
      [y0 + my, y1 + my],
    ])
  }

  zoomAt(view, [px, py], factor) {
    const [[x0, x1], [y0, y1]] = this.rangeOf(view),
      x = view.scale.x(px),
      y = view.scale.y(py)
    this.zooms.set(`${view.panel.x}|${view.panel.y}`, [
      [x + (x0 - x) * factor, x + (x1 - x) * factor],
      [y + (y0 - y) * factor, y + (y1 - y) * factor],
    ])
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
    const x = this.columns[panel.x],
      y = this.columns[panel.y],
      inside = new Uint8Array(this.count)
    for (let k = 0; k < this.count; k++) {
      let odd = 0
      for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
        const [xi, yi] = corners[i],
          [xj, yj] = corners[j]
        if (yi > y[k] !== yj > y[k] && x[k] < ((xj - xi) * (y[k] - yi)) / (yj - yi) + xi) odd ^= 1
      }
      inside[k] = odd
    }
    return inside
  }

  nearest(view, [px, py], reach) {
    const x = this.columns[view.panel.x],
      y = this.columns[view.panel.y]
    const [[x0, x1], [y0, y1]] = this.rangeOf(view),
      sx = view.box_.width / (x1 - x0),
      sy = view.box_.height / (y1 - y0)
    const cx = view.scale.x(px),
      cy = view.scale.y(py)
    let best = -1,
      least = reach * reach
    for (let k = 0; k < this.count; k++) {
      const d = ((x[k] - cx) * sx) ** 2 + ((y[k] - cy) * sy) ** 2
      if (d < least) ((least = d), (best = k))
    }
    return best
  }

  hoverAt(view, place) {
    const found = this.nearest(view, place, 9)
    if (found !== view.hover) ((view.hover = found), this.schedule())
  }

  pick(view, place) {
    const found = this.nearest(view, place, 9)
    if (found >= 0) this.setTrigger("picked", this.ids[found])
  }

  savePng() {
    const ratio = window.devicePixelRatio || 1,
      pad = 26 * ratio,
      { canvas } = this.views[0],
      columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length
    const wide = canvas.width + pad,
      high = canvas.height + 2 * pad,
      rows = Math.ceil(this.views.length / columns)
    const sheet = element("canvas", { width: wide * columns, height: high * rows }),
      context = sheet.getContext("2d")
    context.fillStyle = this.theme.background
    context.fillRect(0, 0, sheet.width, sheet.height)
    context.fillStyle = this.theme.text
    this.views.forEach((view, k) => {
      const left = (k % columns) * wide + pad / 2,
        top = Math.floor(k / columns) * high
      drawSymbol(
        context,
        `${view.panel.title}   ${view.panel.note}`,
        left,
        top + 18 * ratio,
        13 * ratio,
        this.theme.font,
      )
      context.drawImage(view.canvas, left, top + pad)
    })
    sheet.toBlob(blob => save("gandalf-diagrams.png", blob))
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
