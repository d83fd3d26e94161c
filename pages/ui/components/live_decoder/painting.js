// How the live decoder's view is drawn: spectrum, difference, latent dots. A mixin of `View` in component.js.

const CURVES = {
  observed: ["observed", COLOURS.observed, 1.5, []],
  reconstruction: ["reconstruction", COLOURS.reconstruction, 1.3, []],
  truth: ["truth", COLOURS.truth, 1.6, [6, 4]],
  generated: ["generated", COLOURS.generated, 1.7, []],
}

const Painting = base =>
  class extends base {
    schedule() {
      if (this.waiting || !this.decoder) return
      this.waiting = true
      requestAnimationFrame(() => ((this.waiting = false), this.paint()))
    }

    paint() {
      if (this.part("spectrum").clientWidth < 120) return // between two layouts
      this.flux = this.decoder.run(this.z, this.labels)
      this.paints++
      const stale =
        this.truth &&
        Object.entries(this.truth.labels).some(
          ([name, value]) => Math.abs((this.labels[name] ?? value) - value) > 1e-6,
        )
      this.curves = {
        observed: this.observed,
        reconstruction: this.reconstruction,
        truth: this.truth?.after,
        generated: this.flux,
      }
      const minus = (a, b) => a && b && a.map((v, k) => v - b[k])
      this.changes = {
        generated: minus(this.flux, this.reconstruction),
        truth: minus(this.truth?.after, this.truth?.before),
      }
      this.draw("spectrum", this.curves, "Normalised flux", stale)
      this.draw("difference", this.changes, "Change of flux", stale)
      this.drawBars()
      const parts = this.data.sliders.map(s =>
        `${s.plain} ${this.labels[s.name].toFixed(s.decimals)} ${s.unit}`.trim(),
      )
      this.root.dataset.state = parts.join(", ")
      this.part("spectrum").setAttribute(
        "aria-label",
        `Spectrum of ${this.star.id}, generated under ${parts.join(", ") || "its own latent"}`,
      )
    }

    nameOf(key) {
      return key === "truth" ? this.truth.name : CURVES[key][0]
    }

    // [key, colour, width, dash] of each curve that is there and not hidden.
    shown(curves) {
      return Object.entries(CURVES)
        .filter(([key]) => curves[key] && !this.hidden.has(key))
        .map(([key, [, ...look]]) => [key, ...look])
    }

    draw(name, curves, yTitle, stale) {
      const canvas = this.part(name),
        { context, width, height } = fit(canvas, this.ratio)
      const box = {
        left: 58,
        top: name === "spectrum" ? 12 : 8,
        width: width - 70,
        height: height - (name === "spectrum" ? 34 : 48),
      }
      const range = this.zoom ?? [this.wave[0], this.wave[this.wave.length - 1]]
      const yRange = this.yRange(name, curves, range)
      const scale = drawAxes(context, box, range, yRange, this.theme, {
        yTitle,
        xTitle: name === "difference" ? "Vacuum wavelength [nm]" : "",
      })
      canvas.scale_ = { ...scale, box, range }
      context.save()
      context.beginPath()
      context.rect(box.left, box.top, box.width, box.height)
      context.clip()
      this.drawLines(context, scale, box, range, name === "spectrum")
      for (const [key, colour, thick, dash] of this.shown(curves)) {
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
      for (const [key] of this.shown(curves)) {
        for (let k = 0; k < this.wave.length; k++) {
          const v = curves[key][k]
          if (this.wave[k] < a || this.wave[k] > b || !Number.isFinite(v)) continue
          if (v < low) low = v
          if (v > high) high = v
        }
      }
      const pad = 0.06 * (high - low || 1)
      const fresh = [low - pad, high + pad],
        kept = this.kept?.[name]
      const range = this.settle || !kept ? fresh : [Math.min(kept[0], fresh[0]), Math.max(kept[1], fresh[1])]
      this.kept = { ...this.kept, [name]: range }
      if (name === "difference") this.settle = false
      return range
    }

    // The lines within a range: where each stands, and its name's place and row; a row of -1 has no room for it.
    marks(X, box, [a, b], widthOf) {
      const last = [box.left, box.left] // where the last name of each of two rows ends
      return this.data.lines
        .filter(([, nm]) => nm >= a && nm <= b)
        .map(([species, nm]) => {
          const half = widthOf(species) / 2,
            place = Math.min(X(nm), box.left + box.width - half) // the last name ends with the frame
          const level = last.findIndex(end => place - half > end)
          if (level >= 0) last[level] = place + half + 6
          return { species, x: X(nm), place, level }
        })
    }

    drawLines(context, scale, box, range, named) {
      context.strokeStyle = context.fillStyle = this.theme.text
      context.lineWidth = 1
      context.setLineDash([1, 3])
      context.textAlign = "center"
      context.font = `10px ${this.theme.font}`
      for (const { species, x, place, level } of this.marks(
        scale.X,
        box,
        range,
        text => context.measureText(text).width,
      )) {
        context.globalAlpha = 0.35
        context.beginPath()
        context.moveTo(x, box.top)
        context.lineTo(x, box.top + box.height)
        context.stroke()
        if (!named || level < 0) continue
        context.globalAlpha = 0.7
        context.fillText(species, place, box.top + box.height - 5 - 12 * level)
      }
      context.setLineDash([])
      context.globalAlpha = 1
    }

    drawHover(context, canvas, curves) {
      const { X, box, x } = canvas.scale_,
        nm = x(canvas.hover)
      let k = 0
      while (k < this.wave.length - 1 && this.wave[k] < nm) k++
      const rows = this.shown(curves).map(([key, colour]) => [
        `${CURVES[key][0]} ${curves[key][k].toFixed(4)}`,
        colour,
      ])
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
      const { box } = canvas.scale_,
        [a, b] = canvas.drag
      Object.assign(context, { globalAlpha: 0.18, fillStyle: this.theme.primary })
      context.fillRect(Math.min(a, b), box.top, Math.abs(b - a), box.height)
      context.globalAlpha = 1
    }

    barRange() {
      const low = Math.min(...(this.bands?.[0] ?? []), ...this.star.z),
        high = Math.max(...(this.bands?.[4] ?? []), ...this.star.z)
      const pad = 0.35 * (high - low || 1)
      return [low - pad, high + pad]
    }

    drawBars() {
      const canvas = this.part("bars"),
        { context, width, height } = fit(canvas),
        count = this.z.length
      const box = { left: 58, top: 8, width: width - 70, height: height - 46 }
      const { X, Y } = drawAxes(context, box, [0.5, count + 0.5], this.barRange(), this.theme, {
        xTitle: "Latent number",
        yTitle: "Latent",
        whole: true,
      })
      canvas.scale_ = { box }
      const column = box.width / count,
        wide = column * 0.7
      for (let k = 0; k < count; k++) {
        const x = X(k + 1)
        if (this.data.edit && k === this.number) {
          Object.assign(context, { globalAlpha: 0.12, fillStyle: this.theme.primary })
          context.fillRect(x - column / 2, box.top, column, box.height)
        }
        context.fillStyle = this.theme.text
        for (const [low, high, alpha] of this.bands
          ? [
              [0, 4, 0.1],
              [1, 3, 0.16],
            ]
          : []) {
          context.globalAlpha = alpha
          context.fillRect(
            x - wide / 2,
            Y(this.bands[high][k]),
            wide,
            Y(this.bands[low][k]) - Y(this.bands[high][k]),
          )
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
  }

// A curve with gaps where it is not finite, only as far as it is visible.
function path(context, wave, flux, scale, [a, b]) {
  let pen = false
  for (let k = 0; k < wave.length; k++) {
    const visible =
      wave[Math.min(k + 1, wave.length - 1)] >= a && wave[Math.max(k - 1, 0)] <= b && Number.isFinite(flux[k])
    if (visible)
      pen
        ? context.lineTo(scale.X(wave[k]), scale.Y(flux[k]))
        : context.moveTo(scale.X(wave[k]), scale.Y(flux[k]))
    pen = visible
  }
}
