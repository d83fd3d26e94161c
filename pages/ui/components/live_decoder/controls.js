// @ts-check
// Sliders, presets, legend and the fields below the latent. A mixin of `View` in component.js.

const PLAY_MS = 4000 // from one end of the sample's range to the other

const Controls = base =>
  class extends base {
    watchControls() {
      this.part("whole").onclick = () => this.setZoom(null)
      this.part("png").onclick = () => this.savePng()
      this.part("svg").onclick = () => this.saveSvg()
      this.part("reset").onclick = () => this.apply(this.star.labels, this.star.z)
      this.part("number").oninput = event => this.choose(event.target.value - 1)
      this.part("value").oninput = event => this.setLatent(this.dimension, +event.target.value)
      this.part("value").onchange = () => this.send()
      this.part("copyone").onclick = () => this.copy([this.dimension])
      this.part("copyall").onclick = () => this.copy(this.star.z.map((_, k) => k))
    }

    // --- build them, only when their number or kind changes ---

    build() {
      const { sliders, presets, edit } = this.data
      const shape = JSON.stringify([sliders, presets, edit, Boolean(this.other)])
      if (shape !== this.shape) {
        this.shape = shape
        this.part("sliders").replaceChildren(...sliders.map(slider => this.slider(slider)))
        this.part("presets").replaceChildren(...presets.map(preset => this.preset(preset)))
        this.part("controls").hidden = !sliders.length && !presets.length
        this.part("edit").hidden = !edit
        this.part("copies").hidden = !this.other
        this.part("number").max = this.star.z.length
        this.part("number").value = this.dimension + 1
        this.root.classList.toggle("editing", Boolean(edit))
      }
      if (this.other) this.part("othername").textContent = this.other.id
      this.legend()
      this.show()
    }

    slider(s) {
      const [low, high] = this.track(s)
      const share = value => `${(100 * (value - low)) / (high - low)}%`
      const button = (text, title, name) =>
        element("button", { type: "button", title, "aria-label": `${name} ${s.plain}` }, text)
      const step = 10 ** -s.decimals
      const name = `${s.plain}${s.unit ? " in " + s.unit : ""}`
      const range = element("input", { type: "range", min: low, max: high, step, "aria-label": name })
      range.style.setProperty("--from", share(s.low))
      range.style.setProperty("--to", share(s.high))
      const box = element("input", { type: "number", step: s.step, "aria-label": `${s.plain}, typed value` })
      const play = button("▶", `Play: sweep ${s.plain} through the range of the sample`, "Play")
      const reset = button("↺", `Reset ${s.plain} to the star's own value`, "Reset")
      const note = element("span", { className: "note", role: "status" })
      const label = element("label", {}, ...symbolNodes(s.symbol))
      const unit = element("span", { className: "unit" }, s.unit)
      const block = element("div", { className: "slider" }, label, box, unit, play, reset, range, note)
      block.dataset.label = s.name
      this.watchSlider(s, { range, box, play, reset })
      return block
    }

    watchSlider(s, { range, box, play, reset }) {
      const [low, high] = this.track(s)
      range.oninput = () => this.setLabel(s.name, +range.value)
      range.onpointerdown = () => this.stop()
      range.onchange = () => this.send()
      box.onchange = () => {
        const typed = box.valueAsNumber
        if (Number.isFinite(typed)) (this.setLabel(s.name, Math.max(low, Math.min(high, typed))), this.send())
        box.value = this.labels[s.name].toFixed(s.decimals) // the value in use, whatever was typed
      }
      reset.onclick = () => (this.setLabel(s.name, this.star.labels[s.name]), this.send())
      play.onclick = () => (this.playing === s.name ? (this.stop(), this.send()) : this.play(s))
    }

    // The ends of a slider: a fifth of the sample's range beyond it, or as far as a preset goes.
    track(s) {
      const step = 10 ** -s.decimals
      const margin = 0.2 * (s.high - s.low)
      const presets = this.data.presets.map(p => p.labels[s.name] ?? s.low)
      const low = Math.min(s.low - margin, ...presets)
      const high = Math.max(s.high + margin, ...presets)
      return [Math.floor(low / step) * step, Math.ceil(high / step) * step]
    }

    preset(p) {
      const onclick = () => this.apply({ ...this.star.labels, ...p.labels }, this.star.z)
      return element("button", { type: "button", className: "chip", onclick }, ...symbolNodes(p.name))
    }

    legend() {
      const names = Object.keys(CURVES).filter(name => name !== "truth" || this.truth)
      const shape = JSON.stringify([names, names.map(name => CURVES[name].colour), this.truth?.name])
      if (shape === this.legendShape) return // a new chip would not have the keyboard's focus
      this.legendShape = shape
      this.part("legend").replaceChildren(...names.map(name => this.chip(name)))
    }

    chip(name) {
      const { colour, dash } = CURVES[name]
      const swatch = element("span", { className: dash.length ? "swatch dashed" : "swatch" })
      swatch.style.borderColor = colour
      const look = { type: "button", className: "chip", title: "Show or hide" }
      const chip = element("button", look, swatch, this.nameOf(name))
      const mark = () => chip.setAttribute("aria-pressed", String(!this.hidden.has(name)))
      chip.onclick = () => {
        this.hidden.delete(name) || this.hidden.add(name)
        mark()
        this.schedule()
      }
      mark()
      return chip
    }

    // --- show the values ---

    show() {
      for (const block of this.part("sliders").children) {
        const s = this.data.sliders.find(item => item.name === block.dataset.label)
        const box = block.querySelector("[type=number]")
        const range = block.querySelector("[type=range]")
        const value = this.labels[s.name]
        if (!this.hasFocus(box)) box.value = value.toFixed(s.decimals)
        if (+range.value !== value) range.value = value
        const outside = value < s.low || value > s.high
        block.classList.toggle("outside", outside)
        block.querySelector(".note").textContent = outside ? this.warning(s) : this.ownValue(s)
        block.querySelector("button").textContent = this.playing === s.name ? "‖" : "▶"
      }
      if (this.data.edit) this.showDimension()
    }

    warning({ low, high, decimals, unit }) {
      const range = `${low.toFixed(decimals)} to ${high.toFixed(decimals)} ${unit}`
      return `▲ extrapolation: 98 % of the stars have ${range}`
    }

    ownValue({ name, decimals, unit }) {
      return `this star: ${this.star.labels[name].toFixed(decimals)} ${unit}`
    }

    showDimension() {
      const value = this.part("value")
      const [low, high] = this.barRange()
      Object.assign(value, { min: low, max: high, step: (high - low) / 500 })
      value.value = this.z[this.dimension]
      this.part("valuetext").textContent = this.z[this.dimension].toFixed(2)
      if (!this.hasFocus(this.part("number"))) this.part("number").value = this.dimension + 1
    }

    hasFocus(part) {
      return this.root.getRootNode().activeElement === part
    }

    // --- play: a label moves to and fro through the range of the sample ---

    play(s) {
      this.stop()
      this.playing = s.name
      const span = s.high - s.low
      const phase = Math.min(1, Math.max(0, (this.labels[s.name] - s.low) / span))
      const began = performance.now()
      const step = now => {
        if (this.playing !== s.name) return
        const turn = (phase + (now - began) / PLAY_MS) % 2
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
