// @ts-check
// Draws linked panels; 64,000 points follow the pointer because they go straight into the pixels. A mixin of
// `Panels` in component.js.

const CROWDING = "crowding" // the colour title of panels whose colour is the density of stars
const FADED = 0.16 // opacity of the stars that are not selected
const GREY = 0x8a8a8a
const ORANGE = 0x009fe6 // COLOURS.selected, as blue, green, red

const zoomKey = panel => `${panel.x}|${panel.y}`
const opaque = bgr => 0xff000000 | bgr

const Painting = base =>
  class extends base {
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
      return this.zooms.get(zoomKey(panel)) ?? [panel.x_range, panel.y_range]
    }

    draw(view) {
      const { context, width, height, ratio } = fit(view.canvas)
      const { x_title: xTitle, y_title: yTitle } = view.panel
      const ticks = Boolean(xTitle)
      const box = ticks
        ? { left: 58, top: 6, width: width - 76, height: height - 48 }
        : { left: 2, top: 2, width: width - 4, height: height - 4 }
      const [xRange, yRange] = this.rangeOf(view)
      view.box = box
      this.drawPoints(view, context, ratio)
      view.axes = drawAxes(context, box, xRange, yRange, this.theme, { xTitle, yTitle, ticks })
      context.save()
      context.beginPath()
      context.rect(box.left, box.top, box.width, box.height)
      context.clip()
      this.drawUploads(view, context)
      this.drawStar(view, context)
      if (view.lasso) this.drawLasso(context, view.lasso)
      context.restore()
      if (view.hover >= 0) this.drawHover(context, view, width)
    }

    // --- points ---

    drawPoints(view, context, ratio) {
      const { panel, box } = view
      const [x, y] = [this.columns[panel.x], this.columns[panel.y]]
      const [[x0, x1], [y0, y1]] = this.rangeOf(view)
      const width = Math.round(box.width * ratio)
      const height = Math.round(box.height * ratio)
      if (width < 1 || height < 1) return
      const image = context.createImageData(width, height)
      const pixels = new Uint32Array(image.data.buffer)
      const size = this.sizeOfPoints(width, height, ratio)
      const colourOf = this.colours(panel)
      for (const selected of this.selectedCount ? [0, 1] : [0]) {
        for (let k = 0; k < this.count; k++) {
          if (this.selected[k] !== selected) continue
          const px = Math.round(((x[k] - x0) / (x1 - x0)) * width)
          const py = Math.round(((y1 - y[k]) / (y1 - y0)) * height)
          if (!(px >= -size && px < width + size && py >= -size && py < height + size)) continue
          dot(pixels, width, height, px - (size >> 1), py - (size >> 1), size, colourOf(k))
        }
      }
      context.putImageData(image, Math.round(box.left * ratio), Math.round(box.top * ratio))
    }

    sizeOfPoints(width, height, ratio) {
      const even = Math.round(0.75 * Math.sqrt((width * height) / this.count))
      return Math.max(1, Math.min(4 * ratio, even))
    }

    // A function from a star's row to its pixel: colours of the panel, grey around a selection.
    colours(panel) {
      const values = this.columns[panel.colour]
      const scale = visible(VIRIDIS, this.theme.dark)
      const pixels = scale.map(([red, green, blue]) => opaque((blue << 16) | (green << 8) | red))
      const [low, high] = panel.colour_range
      const steps = (scale.length - 1) / (high - low)
      const faded = GREY | (Math.round(255 * FADED) << 24)
      const missing = GREY | (90 << 24)
      const light = panel.colour_title === CROWDING ? opaque(ORANGE) : null
      const step = k => Math.max(0, Math.min(scale.length - 1, Math.round((values[k] - low) * steps)))
      const own = k => (values && pixels[step(k)]) || missing
      if (!this.selectedCount) return own
      return k => (this.selected[k] ? (light ?? own(k)) : faded)
    }

    // --- marks ---

    // Uploaded stars as large diamonds with their error bars.
    drawUploads({ panel, axes }, context) {
      const [x, y] = [this.overlay[panel.x], this.overlay[panel.y]]
      if (!x || !y) return
      const xError = this.overlay[`${panel.x}_error`]
      const yError = this.overlay[`${panel.y}_error`]
      this.overlay_ids.forEach((id, k) => {
        if (!Number.isFinite(x[k] + y[k])) return
        this.drawErrors(context, axes, x[k], y[k], xError?.[k], yError?.[k])
        this.drawDiamond(context, axes.X(x[k]), axes.Y(y[k]), id === this.data.star)
      })
    }

    drawErrors(context, { X, Y }, x, y, xError, yError) {
      Object.assign(context, { strokeStyle: COLOURS.uploaded, lineWidth: 2 })
      context.beginPath()
      if (xError) (context.moveTo(X(x - xError), Y(y)), context.lineTo(X(x + xError), Y(y)))
      if (yError) (context.moveTo(X(x), Y(y - yError)), context.lineTo(X(x), Y(y + yError)))
      context.stroke()
    }

    drawDiamond(context, px, py, large) {
      const size = large ? 9 : 6
      const strokeStyle = large ? COLOURS.generated : this.theme.background
      Object.assign(context, { fillStyle: COLOURS.uploaded, strokeStyle, lineWidth: large ? 3 : 1.5 })
      context.beginPath()
      context.moveTo(px, py - size)
      context.lineTo(px + size, py)
      context.lineTo(px, py + size)
      context.lineTo(px - size, py)
      context.closePath()
      context.fill()
      context.stroke()
    }

    // The star of the sidebar as a ring.
    drawStar({ panel, axes }, context) {
      const row = this.ids.indexOf(this.data.star)
      if (row < 0) return
      const rings = [
        { strokeStyle: this.theme.background, lineWidth: 5 },
        { strokeStyle: COLOURS.generated, lineWidth: 2.5 },
      ]
      for (const ring of rings) {
        Object.assign(context, ring)
        context.beginPath()
        context.arc(axes.X(this.columns[panel.x][row]), axes.Y(this.columns[panel.y][row]), 7, 0, 7)
        context.stroke()
      }
    }

    drawLasso(context, points) {
      context.beginPath()
      points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)))
      context.closePath()
      const colour = COLOURS.selected
      Object.assign(context, { fillStyle: colour, strokeStyle: colour, lineWidth: 1.5, globalAlpha: 0.2 })
      context.fill()
      context.globalAlpha = 1
      context.stroke()
    }

    drawHover(context, { panel, hover, axes }, width) {
      const text = ([name, { plain, decimals, unit }]) =>
        `${plain} ${this.columns[name][hover].toFixed(decimals)} ${unit}`
      const rows = [this.ids[hover], ...Object.entries(this.names).map(text)]
      const x = axes.X(this.columns[panel.x][hover])
      const y = axes.Y(this.columns[panel.y][hover])
      context.font = `11px ${this.theme.font}`
      const wide = 14 + Math.max(...rows.map(row => context.measureText(row).width))
      const high = 8 + 14 * rows.length
      const left = x + wide + 12 > width ? x - wide - 8 : x + 8
      const top = Math.max(2, y - high)
      Object.assign(context, { globalAlpha: 0.93, fillStyle: this.theme.panel })
      context.fillRect(left, top, wide, high)
      Object.assign(context, { globalAlpha: 1, fillStyle: this.theme.text, textAlign: "left" })
      rows.forEach((row, k) => context.fillText(row, left + 7, top + 14 + 14 * k))
      context.strokeStyle = this.theme.text
      context.strokeRect(x - 4, y - 4, 8, 8)
    }
  }

// A square, without its corners when it is large enough to look round.
function dot(pixels, width, height, left, top, size, value) {
  for (let j = 0; j < size; j++) {
    const y = top + j
    if (y < 0 || y >= height) continue
    const cut = size > 3 && (j === 0 || j === size - 1) ? 1 : 0
    const end = Math.min(width, left + size - cut)
    for (let x = Math.max(0, left + cut); x < end; x++) pixels[y * width + x] = value
  }
}
