// How linked panels are drawn: points go straight into the pixels, so that 64,000 of them follow the hand. A mixin of `Panels`.

const FADED = 0.16

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
      return this.zooms.get(`${panel.x}|${panel.y}`) ?? [panel.x_range, panel.y_range]
    }

    draw(view) {
      const { panel, canvas } = view,
        { context, width, height, ratio } = fit(canvas)
      const titled = Boolean(panel.x_title)
      const box = titled
        ? { left: 58, top: 6, width: width - 76, height: height - 48 }
        : { left: 2, top: 2, width: width - 4, height: height - 4 }
      const [xRange, yRange] = this.rangeOf(view)
      this.points(view, box, context, ratio, xRange, yRange)
      view.scale = drawAxes(context, box, xRange, yRange, this.theme, {
        xTitle: panel.x_title,
        yTitle: panel.y_title,
        ticks: titled,
      })
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
      const x = this.columns[panel.x],
        y = this.columns[panel.y],
        colour = this.columns[panel.colour]
      const width = Math.round(box.width * ratio),
        height = Math.round(box.height * ratio)
      if (width < 1 || height < 1) return
      const image = context.createImageData(width, height),
        pixels = new Uint32Array(image.data.buffer)
      const scale = visible(VIRIDIS, this.theme.dark)
      const [low, high] = panel.colour_range,
        steps = (scale.length - 1) / (high - low)
      const size = Math.max(
        1,
        Math.min(4 * ratio, Math.round(0.75 * Math.sqrt((width * height) / this.count))),
      )
      const grey = 0x8a8a8a | (Math.round(255 * FADED) << 24),
        none = 0x8a8a8a | (90 << 24)
      const lit = 0xff000000 | (0x00 << 16) | (0x9f << 8) | 0xe6
      const passes = this.chosen ? [0, 1] : [2]
      for (const pass of passes) {
        for (let k = 0; k < this.count; k++) {
          if (pass < 2 && this.selected[k] !== pass) continue
          const px = Math.round(((x[k] - x0) / (x1 - x0)) * width),
            py = Math.round(((y1 - y[k]) / (y1 - y0)) * height)
          if (!(px >= -size && px < width + size && py >= -size && py < height + size)) continue
          const rgb =
            colour && scale[Math.max(0, Math.min(scale.length - 1, Math.round((colour[k] - low) * steps)))]
          const value =
            pass === 0
              ? grey
              : pass === 1 && panel.colour_title === "crowding"
                ? lit
                : rgb
                  ? 0xff000000 | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0]
                  : none
          dot(pixels, width, height, px - (size >> 1), py - (size >> 1), size, value)
        }
      }
      const at = { x: Math.round(box.left * ratio), y: Math.round(box.top * ratio) }
      context.putImageData(image, at.x, at.y)
    }

    // The picked star as a ring, uploaded stars as large diamonds with their error bars.
    marks({ panel, scale }, context) {
      const x = this.overlay[panel.x],
        y = this.overlay[panel.y]
      const errors = [this.overlay[`${panel.x}_error`], this.overlay[`${panel.y}_error`]]
      this.overlay_ids.forEach(
        (id, k) =>
          x &&
          y &&
          this.diamond(
            context,
            scale,
            x[k],
            y[k],
            errors.map(e => e?.[k]),
            id === this.data.star,
          ),
      )
      const picked = this.ids.indexOf(this.data.star)
      if (picked < 0) return
      const [px, py] = [scale.X(this.columns[panel.x][picked]), scale.Y(this.columns[panel.y][picked])]
      for (const [colour, wide] of [
        [this.theme.background, 5],
        [COLOURS.generated, 2.5],
      ]) {
        Object.assign(context, { strokeStyle: colour, lineWidth: wide })
        context.beginPath()
        context.arc(px, py, 7, 0, 7)
        context.stroke()
      }
    }

    diamond(context, { X, Y }, x, y, [dx, dy], picked) {
      const px = X(x),
        py = Y(y)
      if (!Number.isFinite(px + py)) return
      Object.assign(context, { strokeStyle: COLOURS.uploaded, lineWidth: 2 })
      context.beginPath()
      if (dx) (context.moveTo(X(x - dx), py), context.lineTo(X(x + dx), py))
      if (dy) (context.moveTo(px, Y(y - dy)), context.lineTo(px, Y(y + dy)))
      context.stroke()
      const size = picked ? 9 : 6
      context.beginPath()
      ;(context.moveTo(px, py - size),
        context.lineTo(px + size, py),
        context.lineTo(px, py + size),
        context.lineTo(px - size, py),
        context.closePath())
      Object.assign(context, {
        fillStyle: COLOURS.uploaded,
        strokeStyle: picked ? COLOURS.generated : this.theme.background,
        lineWidth: picked ? 3 : 1.5,
      })
      context.fill()
      context.stroke()
    }

    drawLasso(context, points) {
      context.beginPath()
      points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)))
      context.closePath()
      Object.assign(context, {
        fillStyle: COLOURS.selected,
        strokeStyle: COLOURS.selected,
        lineWidth: 1.5,
        globalAlpha: 0.2,
      })
      context.fill()
      context.globalAlpha = 1
      context.stroke()
    }

    drawHover(context, { panel, hover, scale }, width) {
      const names = Object.keys(this.names)
      const rows = [
        this.ids[hover],
        ...names.map(
          name =>
            `${this.names[name].plain} ${this.columns[name][hover].toFixed(this.names[name].decimals)} ${this.names[name].unit}`,
        ),
      ]
      const x = scale.X(this.columns[panel.x][hover]),
        y = scale.Y(this.columns[panel.y][hover])
      context.font = `11px ${this.theme.font}`
      const wide = 14 + Math.max(...rows.map(row => context.measureText(row).width)),
        left = x + wide + 12 > width ? x - wide - 8 : x + 8
      const top = Math.max(2, y - 8 - 14 * rows.length)
      Object.assign(context, { globalAlpha: 0.93, fillStyle: this.theme.panel })
      context.fillRect(left, top, wide, 8 + 14 * rows.length)
      Object.assign(context, { globalAlpha: 1, fillStyle: this.theme.text, textAlign: "left" })
      rows.forEach((row, k) => context.fillText(row, left + 7, top + 14 + 14 * k))
      context.strokeStyle = this.theme.text
      context.strokeRect(x - 4, y - 4, 8, 8)
    }
  }

// A square, without its corners when it is large enough to look round.
function dot(pixels, width, height, left, top, size, value) {
  for (let j = 0; j < size; j++) {
    const cut = size > 3 && (j === 0 || j === size - 1) ? 1 : 0,
      y = top + j
    if (y < 0 || y >= height) continue
    for (let x = Math.max(0, left + cut), end = Math.min(width, left + size - cut); x < end; x++)
      pixels[y * width + x] = value
  }
}
