// @ts-check
// Linked diagrams of the same stars: a selection in one lights up in all. Its mixins draw and steer.

class Panels extends Gestures(Painting(class {})) {
  constructor(root) {
    super()
    this.root = root
    this.grid = root.querySelector(".grid")
    this.zooms = new Map()
    this.sent = new Set() // tokens of the selections that went to Python
    this.paints = 0
    this.mode = "lasso"
    for (const button of root.querySelectorAll("[data-mode]"))
      button.onclick = () => this.setMode(button.dataset.mode)
    root.querySelector(".whole").onclick = () => (this.zooms.clear(), this.keepZooms())
    root.querySelector(".clear").onclick = () => this.select(new Uint8Array(this.selected.length))
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

  // --- from Python ---

  update(data, setState, setTrigger) {
    Object.assign(this, { setState, setTrigger, data, theme: themeOf(this.root) })
    this.start()
  }

  start() {
    const packed = store.get(this.data.table)
    if (!packed) return
    if (this.key !== this.data.table) this.load(packed)
    if (!this.sent.has(this.data.token)) this.selected = this.unpackBits(this.data.selected)
    this.showCount()
    this.schedule()
  }

  load(packed) {
    Object.assign(this, packed.header) // key, ids, overlay_ids, notes, overlay_notes, names, panels
    this.columns = {}
    this.overlay = {}
    for (const [name, place] of Object.entries(packed.header.arrays)) {
      const group = name.startsWith("c:") ? this.columns : this.overlay
      group[name.slice(2)] = packed.array(place)
    }
    this.count = this.ids.length
    this.selected = new Uint8Array(this.count + this.overlay_ids.length)
    this.build()
  }

  unpackBits(text) {
    const bits = bytesOf(text)
    return Uint8Array.from({ length: this.selected.length }, (_, k) => (bits[k >> 3] >> (k & 7)) & 1)
  }

  // --- the panels ---

  build() {
    this.root.style.setProperty("--columns", this.data.columns)
    this.views = this.panels.map(panel => this.view(panel))
    this.grid.classList.toggle("maps", !this.panels.some(panel => panel.x_title))
    this.grid.replaceChildren(...this.views.map(view => view.figure))
  }

  view(panel) {
    const title = panel.title.replace(/<.*?>/g, "")
    const words = `${title}${panel.note ? ", " + panel.note : ""}, ${this.count} stars`
    const canvas = element("canvas", { tabIndex: 0, role: "img", "aria-label": words })
    const caption = element("figcaption", {}, ...symbolNodes(panel.title))
    const text = element("span", {}, panel.note)
    const note = element("div", { className: "note" }, text, this.colourBar(panel))
    const view = { panel, canvas, figure: element("figure", {}, caption, canvas, note) }
    this.watch(view)
    return view
  }

  colourBar(panel) {
    if (!hasColours(panel)) return ""
    const [low, high] = this.endsOf(panel)
    const colours = visible(VIRIDIS, this.theme.dark).map(rgb => `rgb(${rgb.join(",")})`)
    const bar = element("span", { className: "colours" })
    bar.style.background = `linear-gradient(to right, ${colours.join(",")})`
    return element("span", { className: "scale" }, low, bar, high)
  }

  // The ends of a panel's colours as texts.
  endsOf({ colour_range: ends }) {
    const digits = ends[1] - ends[0] > 50 ? 0 : 1
    return ends.map(end => end.toFixed(digits).replace("-", "−"))
  }

  setMode(mode) {
    this.mode = mode
    for (const button of this.root.querySelectorAll("[data-mode]"))
      button.setAttribute("aria-pressed", button.dataset.mode === mode)
    this.grid.dataset.mode = mode
  }

  // --- the selection ---

  showCount() {
    const selected = this.selected.reduce((sum, v) => sum + v, 0)
    const numbers = [selected, this.selected.length, this.count, this.overlay_ids.length]
    const [some, all, drawn, mine] = numbers.map(n => n.toLocaleString("en"))
    const yours = mine === "0" ? "" : ` and ${mine} of yours`
    this.selectedCount = selected
    this.root.querySelector(".status").textContent = selected
      ? `${some} of ${all} stars selected`
      : `${drawn} stars${yours}. Draw a lasso to select some, click a point to choose one.`
    this.root.querySelector(".clear").disabled = !selected
  }

  select(selected) {
    this.selected = selected
    this.showCount()
    this.schedule()
    const bits = new Uint8Array(Math.ceil(selected.length / 8))
    selected.forEach((v, k) => v && (bits[k >> 3] |= 1 << (k & 7)))
    const token = `${Date.now()}-${this.sent.size}`
    this.sent.add(token)
    this.setState("selection", { token, table: this.key, bits: this.selectedCount ? textOf(bits) : "" })
  }

  // --- PNG ---

  savePng() {
    const ratio = window.devicePixelRatio || 1
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length
    const rows = Math.ceil(this.views.length / columns)
    const wide = this.views[0].canvas.clientWidth + 26
    const high = this.views[0].canvas.clientHeight + ABOVE + BELOW
    const sheet = element("canvas", { width: wide * columns * ratio, height: high * rows * ratio })
    const context = sheet.getContext("2d")
    context.scale(ratio, ratio)
    context.fillStyle = this.theme.background
    context.fillRect(0, 0, wide * columns, high * rows)
    this.views.forEach((view, k) =>
      this.drawPanel(context, view, (k % columns) * wide + 13, Math.floor(k / columns) * high),
    )
    sheet.toBlob(blob => save("gandalf-diagrams.png", blob))
  }

  // A panel with its title above; below it, its note and the bar of its colours.
  drawPanel(context, { panel, canvas }, left, top) {
    const { clientWidth: width, clientHeight: height } = canvas
    const { font, text } = this.theme
    context.fillStyle = text
    context.font = `13px ${font}`
    const long = context.measureText(panel.title.replace(/<.*?>/g, "")).width
    drawSymbol(context, panel.title, left, top + 18, 13 * Math.min(1, width / long), font)
    context.drawImage(canvas, left, top + ABOVE, width, height)
    const line = top + ABOVE + height + 14
    drawSymbol(context, panel.note, left, line, 11, font)
    if (!hasColours(panel)) return
    const [low, high] = this.endsOf(panel)
    const colours = visible(VIRIDIS, this.theme.dark)
    const [bar, start] = [70, left + width - 70 - 34]
    colours.forEach((rgb, k) => {
      context.fillStyle = `rgb(${rgb.join(",")})`
      context.fillRect(start + (k * bar) / colours.length, line - 8, bar / colours.length + 1, 8)
    })
    context.fillStyle = text
    drawSymbol(context, high, start + bar + 4, line, 11, font)
    context.font = `11px ${font}`
    drawSymbol(context, low, start - 4 - context.measureText(low).width, line, 11, font)
    drawSymbol(context, panel.colour_title, start + bar / 2, line + 14, 11, font, "center")
  }
}

const ABOVE = 26 // pixels over a panel in a saved picture
const BELOW = 38 // and under it
const hasColours = panel => panel.colour_title && panel.colour_title !== CROWDING

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  if (data instanceof Uint8Array) return keep(unpack(data))
  const root = parentElement.querySelector(".panels")
  root.gandalf ??= new Panels(root)
  root.gandalf.update(data, setStateValue, setTriggerValue)
  return () => (root.gandalf.destroy(), (root.gandalf = null))
}
