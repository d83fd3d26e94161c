// @ts-check
// Draws linked panels; 64,000 points follow the pointer because they go straight into the pixels. A mixin of
// `Panels` in component.js.

const CROWDING = "crowding" // the colour title of panels whose colour is the density of stars
const FADED = 0.16 // opacity of the stars that are not selected
const GREY = 0x8a8a8a
const ORANGE = 0x009fe6 // COLOURS.selected, as blue, green, red
const FEW = 12 // stars of one's own whose error bars can be read side by side
const SOME = 200 // stars of one's own that are drawn as diamonds; more are dots and the lines of their density
const SAMPLE = GREY | (70 << 24) // stars of a map among which the chosen ones were placed

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
      this.drawSample(panel, [x0, x1, y0, y1], { pixels, width, height })
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

    // The map's own stars, in grey underneath.
    drawSample({ sample }, [x0, x1, y0, y1], { pixels, width, height }) {
      const [x, y] = [this.columns[`${sample} x`], this.columns[`${sample} y`]]
      if (!x || !y) return
      for (let k = 0; k < x.length; k++) {
        const px = Math.round(((x[k] - x0) / (x1 - x0)) * width)
        const py = Math.round(((y1 - y[k]) / (y1 - y0)) * height)
        if (px >= 0 && px < width && py >= 0 && py < height) dot(pixels, width, height, px, py, 1, SAMPLE)
      }
    }

    sizeOfPoints(width, height, ratio) {
      const even = Math.round(0.75 * Math.sqrt((width * height) / this.count))
      return Math.max(1, Math.min((this.count < SOME ? 5 : 4) * ratio, even))
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

    // Uploaded stars: a few as diamonds with their error bars, many as faint dots and the lines of their density.
    drawUploads(view, context) {
      const { panel, axes } = view
      const [x, y] = [this.overlay[panel.x], this.overlay[panel.y]]
      if (!x || !y) return
      const rows = this.overlay_ids.map((_, k) => k).filter(k => Number.isFinite(x[k] + y[k]))
      const places = rows.map(k => [axes.X(x[k]), axes.Y(y[k])])
      const star = this.overlay_ids.indexOf(this.data.star)
      const lit = rows.filter(k => this.selected[this.count + k])
      if (rows.length > SOME) {
        this.drawDots(context, places, lit.length ? 0.15 : 0.4)
        drawContours(context, places, view.box, COLOURS.uploaded)
      } else
        rows.forEach((k, i) => {
          const faded = lit.length && !this.selected[this.count + k]
          context.globalAlpha = faded ? 0.25 : 1
          this.drawDiamond(context, ...places[i], rows.length > FEW ? 4 : 6, this.theme.background)
        })
      context.globalAlpha = 1
      for (const k of rows.length > FEW ? lit : [])
        this.drawDiamond(context, axes.X(x[k]), axes.Y(y[k]), 4, COLOURS.selected)
      const named = [star, view.hover - this.count].filter(k => rows.includes(k))
      for (const k of [...(rows.length > FEW ? [] : rows), ...named]) this.drawErrors(context, view, k)
      if (rows.includes(star))
        this.drawDiamond(context, axes.X(x[star]), axes.Y(y[star]), 9, COLOURS.generated)
    }

    drawDots(context, places, opacity) {
      Object.assign(context, { fillStyle: COLOURS.uploaded, globalAlpha: opacity })
      for (const [px, py] of places) context.fillRect(px - 1, py - 1, 2, 2)
      context.globalAlpha = 1
    }

    drawErrors(context, { panel, axes: { X, Y } }, k) {
      const [x, y] = [this.overlay[panel.x][k], this.overlay[panel.y][k]]
      const xError = this.overlay[`${panel.x}_error`]?.[k]
      const yError = this.overlay[`${panel.y}_error`]?.[k]
      Object.assign(context, { strokeStyle: COLOURS.uploaded, lineWidth: 1.5, globalAlpha: 0.8 })
      context.beginPath()
      if (xError) (context.moveTo(X(x - xError), Y(y)), context.lineTo(X(x + xError), Y(y)))
      if (yError) (context.moveTo(X(x), Y(y - yError)), context.lineTo(X(x), Y(y + yError)))
      context.stroke()
      context.globalAlpha = 1
    }

    drawDiamond(context, px, py, size, strokeStyle) {
      const lineWidth = size > 6 ? 3 : size > 4 ? 1.5 : 1
      Object.assign(context, { fillStyle: COLOURS.uploaded, strokeStyle, lineWidth })
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

    // What is known of the star under the pointer: an uploaded one with its file, position and errors.
    drawHover(context, { panel, hover, axes }, width) {
      const mine = hover - this.count
      const [columns, k] = mine < 0 ? [this.columns, hover] : [this.overlay, mine]
      const text = ([name, { plain, decimals, unit }]) => {
        const error = columns[`${name}_error`]?.[k]
        const spread = Number.isFinite(error) ? ` ± ${error.toFixed(decimals)}` : ""
        return `${plain} ${columns[name][k].toFixed(decimals)}${spread} ${unit}`
      }
      const known = Object.entries(this.names).filter(([name]) => Number.isFinite(columns[name]?.[k]))
      const about = mine < 0 ? [this.ids[k], this.notes[k]] : [this.overlay_ids[k], this.overlay_notes[k]]
      const rows = [...about.filter(Boolean), ...known.map(text)]
      const x = axes.X(columns[panel.x][k])
      const y = axes.Y(columns[panel.y][k])
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

const CELLS = 30 // of a grid on which the density of many stars is found
const SHARES = [0.9, 0.5] // of the stars that lie inside the lines

// Lines of equal density of many stars: outside in, they hold the shares above of the stars.
function drawContours(context, places, { left, top, width, height }, colour) {
  const at = ([px, py]) => [((px - left) / width) * CELLS, ((py - top) / height) * CELLS]
  const cells = places.map(at).filter(([i, j]) => i >= 0 && i < CELLS && j >= 0 && j < CELLS)
  const grid = densityOf(cells)
  const own = cells.map(([i, j]) => grid[Math.floor(j) * CELLS + Math.floor(i)]).sort((a, b) => a - b)
  if (!own.length) return
  Object.assign(context, { strokeStyle: colour, lineWidth: 1.5 })
  context.beginPath()
  for (const share of SHARES) {
    const level = own[Math.floor((1 - share) * (own.length - 1))]
    for (const [a, b] of segments(grid, level)) {
      context.moveTo(left + ((a[0] + 0.5) / CELLS) * width, top + ((a[1] + 0.5) / CELLS) * height)
      context.lineTo(left + ((b[0] + 0.5) / CELLS) * width, top + ((b[1] + 0.5) / CELLS) * height)
    }
  }
  context.stroke()
}

// The number of stars in every cell, smoothed five times by (1, 2, 1) along both axes.
function densityOf(cells) {
  let grid = new Float32Array(CELLS * CELLS)
  for (const [i, j] of cells) grid[Math.floor(j) * CELLS + Math.floor(i)]++
  for (let round = 0; round < 10; round++) {
    const [step, next] = [round % 2 ? CELLS : 1, new Float32Array(grid.length)]
    for (let k = 0; k < grid.length; k++) {
      const place = round % 2 ? Math.floor(k / CELLS) : k % CELLS
      const before = place > 0 ? grid[k - step] : 0
      const after = place < CELLS - 1 ? grid[k + step] : 0
      next[k] = (before + 2 * grid[k] + after) / 4
    }
    grid = next
  }
  return grid
}

// The line at a level of a grid, by marching squares: pairs of places in units of cells.
function* segments(grid, level) {
  const mix = (a, b, p, q) => {
    const share = (level - a) / (b - a)
    return [p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])]
  }
  for (let j = 0; j < CELLS - 1; j++)
    for (let i = 0; i < CELLS - 1; i++) {
      const corners = [
        [i, j],
        [i + 1, j],
        [i + 1, j + 1],
        [i, j + 1],
      ]
      const values = corners.map(([x, y]) => grid[y * CELLS + x])
      const crossed = []
      for (let k = 0; k < 4; k++) {
        const n = (k + 1) % 4
        if (values[k] > level !== values[n] > level)
          crossed.push(mix(values[k], values[n], corners[k], corners[n]))
      }
      for (let k = 0; k + 1 < crossed.length; k += 2) yield [crossed[k], crossed[k + 1]]
    }
}
