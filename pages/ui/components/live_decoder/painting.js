// @ts-check
// Draws the live decoder: spectrum, difference and latent dots. A mixin of `View` in component.js.

/** @type {Record<string, {label: string, colour: string, width: number, dash: number[]}>} */
const CURVES = {
  observed: { label: "observed", colour: COLOURS.observed, width: 1.5, dash: [] },
  reconstruction: { label: "reconstruction", colour: COLOURS.reconstruction, width: 1.3, dash: [] },
  generated: { label: "generated", colour: COLOURS.generated, width: 1.7, dash: [] },
  truth: { label: "truth", colour: COLOURS.truth, width: 1.6, dash: [6, 4] }, // on top: nothing hides it
}
const BANDS = [
  [0, 4, 0.1],
  [1, 3, 0.16],
] // rows of the percentiles that a bar spans, and its opacity

const Painting = base =>
  class extends base {
    schedule() {
      if (this.waiting || !this.wave) return
      this.waiting = true
      requestAnimationFrame(() => ((this.waiting = false), this.paint()))
    }

    paint() {
      if (this.part("spectrum").clientWidth < 120) return // between two layouts
      if (!this.ready) return this.paintStar()
      this.flux = this.decoder.run(this.z, this.labels)
      this.paints++
      const { observed, reconstruction, truth, flux } = this
      const minus = (a, b) => a && b && a.map((v, k) => v - b[k])
      this.curves = { observed, reconstruction, truth: truth?.after, generated: flux }
      this.changes = { generated: minus(flux, reconstruction), truth: minus(truth?.after, truth?.before) }
      this.drawSpectrum("spectrum", this.curves, "Normalised flux")
      this.drawSpectrum("difference", this.changes, "Change in flux")
      this.paintError()
      this.drawBars()
      this.describe()
    }

    // Where the truth is known, model − truth: curves that lie on each other hide what differs.
    paintError() {
      this.part("error").hidden = !this.truth
      if (!this.truth) return
      this.errors = { generated: this.flux.map((v, k) => v - this.truth.after[k]) }
      this.drawSpectrum("error", this.errors, "Model − truth")
    }

    // The star without a model, and what is missing.
    paintStar() {
      this.curves = { observed: this.observed }
      this.changes = {}
      this.drawSpectrum("spectrum", this.curves, "Normalised flux")
      this.drawSpectrum("difference", this.changes, "Change in flux")
      const { box } = this.part("difference").axes
      const context = this.part("difference").getContext("2d")
      Object.assign(context, { fillStyle: this.theme.text, textAlign: "center" })
      context.font = `13px ${this.theme.font}`
      const words = this.missing
        ? "The decoder did not come. Reload the page."
        : `The decoder of ${this.data.title} is on its way …`
      context.fillText(words, box.left + box.width / 2, box.top + box.height / 2)
      this.drawBars()
    }

    // The settings in words, for saved figures and screen readers.
    describe() {
      const parts = this.data.sliders.map(s =>
        `${s.plain} ${this.labels[s.name].toFixed(s.decimals)} ${s.unit}`.trim(),
      )
      const settings = parts.join(", ")
      this.root.dataset.state = settings
      const words = `Spectrum of ${this.star.id}, generated with ${settings || "its own latent"}`
      this.part("spectrum").setAttribute("aria-label", words)
    }

    nameOf(name) {
      return name === "truth" ? this.truth.name : CURVES[name].label
    }

    // The curves that exist and are not hidden, with their looks.
    shown(curves) {
      return Object.entries(CURVES)
        .filter(([name]) => curves[name] && !this.hidden.has(name))
        .map(([name, look]) => ({ name, ...look }))
    }

    range() {
      return this.zoom ?? [this.wave[0], this.wave.at(-1)]
    }

    // --- spectrum and difference ---

    drawSpectrum(part, curves, yTitle) {
      const canvas = this.part(part)
      const { context, width, height } = fit(canvas, this.ratio)
      const [top, margin] = part === this.lowest ? [8, 48] : [12, 34]
      const box = { left: 58, top, width: width - 70, height: height - margin }
      const range = this.range()
      const xTitle = part === this.lowest ? "Vacuum wavelength [nm]" : ""
      const yRange = this.yRange(part, curves, range)
      const axes = drawAxes(context, box, range, yRange, this.theme, { yTitle, xTitle })
      canvas.axes = { ...axes, box, range }
      context.save()
      context.beginPath()
      context.rect(box.left, box.top, box.width, box.height)
      context.clip()
      this.drawLines(context, axes, box, range, part === "spectrum")
      this.drawCurves(context, curves, axes, range)
      context.restore()
      if (canvas.hover != null) this.drawHover(context, canvas, curves)
      if (canvas.drag) this.drawDrag(context, canvas)
    }

    drawCurves(context, curves, axes, range) {
      const stale = this.truthIsStale()
      for (const { name, colour, width, dash } of this.shown(curves)) {
        context.globalAlpha = stale && (name === "truth" || curves === this.errors) ? 0.3 : 1
        Object.assign(context, { strokeStyle: colour, lineWidth: width })
        context.setLineDash(dash)
        context.beginPath()
        trace(context, this.wave, curves[name], axes, range)
        context.stroke()
      }
    }

    // True while the truth belongs to labels from before the sliders moved.
    truthIsStale() {
      const differs = ([name, value]) => Math.abs((this.labels[name] ?? value) - value) > 1e-6
      return this.truth && Object.entries(this.truth.labels).some(differs)
    }

    // The panel that carries the title of the wavelengths.
    get lowest() {
      return this.truth ? "error" : "difference"
    }

    // Fixed while something is dragged (it only grows), fitted again after the drag.
    yRange(part, curves, [low, high]) {
      let [least, most] = part === "spectrum" ? [Infinity, -Infinity] : [-0.02, 0.02]
      for (const { name } of this.shown(curves)) {
        for (let k = 0; k < this.wave.length; k++) {
          const v = curves[name][k]
          if (this.wave[k] < low || this.wave[k] > high || !Number.isFinite(v)) continue
          if (v < least) least = v
          if (v > most) most = v
        }
      }
      const margin = 0.06 * (most - least || 1)
      const fitted = [least - margin, most + margin]
      const before = this.yRanges?.[part]
      const grown = before && [Math.min(before[0], fitted[0]), Math.max(before[1], fitted[1])]
      const range = this.settle || !before ? fitted : grown
      this.yRanges = { ...this.yRanges, [part]: range }
      if (part === this.lowest) this.settle = false
      return range
    }

    // The spectral lines within a range: their pixels, the place and row of their names; -1: no room.
    marks(X, box, [low, high], widthOf) {
      const ends = [box.left, box.left] // of the last name in each of two rows
      const lines = this.data.lines.filter(([, nm]) => nm >= low && nm <= high)
      return lines.map(([species, nm]) => {
        const half = widthOf(species) / 2
        const place = Math.min(X(nm), box.left + box.width - half) // the last name ends with the frame
        const level = ends.findIndex(end => place - half > end)
        if (level >= 0) ends[level] = place + half + 6
        return { species, x: X(nm), place, level }
      })
    }

    drawLines(context, axes, box, range, named) {
      context.strokeStyle = context.fillStyle = this.theme.text
      context.lineWidth = 1
      context.setLineDash([1, 3])
      context.textAlign = "center"
      context.font = `10px ${this.theme.font}`
      const widthOf = text => context.measureText(text).width
      for (const { species, x, place, level } of this.marks(axes.X, box, range, widthOf)) {
        context.globalAlpha = 0.35
        context.beginPath()
        context.moveTo(x, box.top)
        context.lineTo(x, box.top + box.height)
        context.stroke()
        if (!named || level < 0) continue
        context.globalAlpha = 0.85
        context.fillText(species, place, box.top + box.height - 5 - 12 * level)
      }
      context.setLineDash([])
      context.globalAlpha = 1
    }

    drawHover(context, canvas, curves) {
      const { X, box, x } = canvas.axes
      const nm = x(canvas.hover)
      let k = 0
      while (k < this.wave.length - 1 && this.wave[k] < nm) k++
      const rows = this.shown(curves).map(({ name, label, colour }) => [
        `${label} ${curves[name][k].toFixed(4)}`,
        colour,
      ])
      const place = X(this.wave[k])
      Object.assign(context, { globalAlpha: 0.5, strokeStyle: this.theme.text, lineWidth: 1 })
      context.strokeRect(place, box.top, 0, box.height)
      const line = this.data.lines.find(([, at]) => Math.abs(X(at) - place) <= 4)
      if (line) rows.push([line[2], this.theme.text]) // its wavelength and excitation
      this.drawTip(context, box, place, `${this.wave[k].toFixed(3)} nm`, rows)
    }

    drawTip(context, box, place, title, rows) {
      context.font = `11px ${this.theme.font}`
      const wide = 16 + Math.max(70, ...rows.map(([text]) => context.measureText(text).width))
      const left = place + wide + 12 > box.left + box.width ? place - wide - 8 : place + 8
      Object.assign(context, { globalAlpha: 0.92, fillStyle: this.theme.panel })
      context.fillRect(left, box.top + 6, wide, 20 + 15 * rows.length)
      Object.assign(context, { globalAlpha: 1, fillStyle: this.theme.text, textAlign: "left" })
      context.fillText(title, left + 8, box.top + 20)
      rows.forEach(([text, colour], i) => {
        context.fillStyle = colour
        context.fillRect(left + 2, box.top + 26 + 15 * i, 3, 11)
        context.fillStyle = this.theme.text
        context.fillText(text, left + 8, box.top + 35 + 15 * i)
      })
    }

    drawDrag(context, canvas) {
      const { box } = canvas.axes
      const [a, b] = canvas.drag
      Object.assign(context, { globalAlpha: 0.18, fillStyle: this.theme.primary })
      context.fillRect(Math.min(a, b), box.top, Math.abs(b - a), box.height)
      context.globalAlpha = 1
    }

    // --- latent ---

    barRange() {
      const low = Math.min(...this.bands[0], ...this.star.z)
      const high = Math.max(...this.bands[4], ...this.star.z)
      const margin = 0.35 * (high - low || 1)
      return [low - margin, high + margin]
    }

    drawBars() {
      const canvas = this.part("bars")
      const { context, width, height } = fit(canvas)
      const count = this.z.length
      const box = { left: 58, top: 8, width: width - 70, height: height - 46 }
      const titles = { xTitle: "Latent dimension", yTitle: "Latent", whole: true }
      const axes = drawAxes(context, box, [0.5, count + 0.5], this.barRange(), this.theme, titles)
      canvas.axes = { ...axes, box }
      for (let k = 0; k < count; k++) this.drawBar(context, canvas.axes, k, box.width / count)
    }

    // One latent dimension: bands of the sample, the star's own value, the other star's, the edited one.
    drawBar(context, { X, Y, box }, k, column) {
      const x = X(k + 1)
      const wide = column * 0.7
      if (this.data.edit && k === this.dimension) {
        Object.assign(context, { globalAlpha: 0.12, fillStyle: this.theme.primary })
        context.fillRect(x - column / 2, box.top, column, box.height)
      }
      context.fillStyle = this.theme.text
      for (const [low, high, alpha] of BANDS) {
        const top = Y(this.bands[high][k])
        context.globalAlpha = alpha
        context.fillRect(x - wide / 2, top, wide, Y(this.bands[low][k]) - top)
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

// A curve with gaps where it is not finite, drawn only within the visible range.
function trace(context, wave, flux, { X, Y }, [low, high]) {
  let pen = false
  for (let k = 0; k < wave.length; k++) {
    const inside = wave[Math.min(k + 1, wave.length - 1)] >= low && wave[Math.max(k - 1, 0)] <= high
    const visible = inside && Number.isFinite(flux[k])
    if (visible) pen ? context.lineTo(X(wave[k]), Y(flux[k])) : context.moveTo(X(wave[k]), Y(flux[k]))
    pen = visible
  }
}
