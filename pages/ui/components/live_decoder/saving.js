// @ts-check
// Saves the figure as PNG or SVG, with its settings and its curves' names. A mixin of `View` in component.js.

const SWATCH = 22 // pixels of a curve's colour before its name
const HEAD = 50 // pixels of the settings and names above the figure
const SVG = { left: 70, width: 800, legend: 150 }

const Saving = base =>
  class extends base {
    get caption() {
      return `${this.data.title} · ${this.star.id} · ${this.root.dataset.state}`
    }

    // The panels that are saved, and their places in a drawing of lines.
    get panels() {
      const all = [
        { part: "spectrum", curves: this.curves, top: 60, bottom: 360, title: "Normalised flux" },
        { part: "difference", curves: this.changes, top: 390, bottom: 550, title: "Change in flux" },
        { part: "error", curves: this.errors, top: 580, bottom: 690, title: "Model − truth" },
      ]
      return all.filter(({ part }) => part !== "error" || this.truth)
    }

    // --- PNG ---

    savePng() {
      const shown = this.panels.map(({ part }) => this.part(part))
      this.ratio = 2 * (window.devicePixelRatio || 1) // a slide shows it larger than the screen does
      this.paint()
      const head = HEAD * this.ratio
      const height = shown.reduce((sum, canvas) => sum + canvas.height, head)
      const sheet = element("canvas", { width: shown[0].width, height })
      const context = sheet.getContext("2d")
      context.fillStyle = this.theme.background
      context.fillRect(0, 0, sheet.width, sheet.height)
      shown.reduce((top, canvas) => (context.drawImage(canvas, 0, top), top + canvas.height), head)
      context.scale(this.ratio, this.ratio)
      this.drawHead(context)
      this.ratio = undefined
      this.paint()
      sheet.toBlob(blob => save("gandalf-spectrum.png", blob))
    }

    drawHead(context) {
      context.fillStyle = this.theme.text
      context.font = `13px ${this.theme.font}`
      context.fillText(this.caption, 10, 19)
      let left = 10
      for (const { name, colour, width, dash } of this.shown(this.curves)) {
        Object.assign(context, { strokeStyle: colour, lineWidth: width + 1 })
        context.setLineDash(dash)
        context.beginPath()
        context.moveTo(left, 38)
        context.lineTo(left + SWATCH, 38)
        context.stroke()
        context.fillText(this.nameOf(name), left + SWATCH + 5, 42)
        left += SWATCH + 25 + context.measureText(this.nameOf(name)).width
      }
    }

    // --- SVG ---

    saveSvg() {
      const bottom = this.panels.at(-1).bottom + 40
      const text = [
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 ${bottom}"`,
        ' font-family="sans-serif" font-size="11">',
        `<rect width="900" height="${bottom}" fill="#fff"/>`,
        `<text x="${SVG.left}" y="24" font-size="13">${escaped(this.caption)}</text>`,
        ...this.svgLegend(),
        ...this.panels.flatMap(p => this.svgPanel(p.part, p.curves, p.top, p.bottom - p.top, p.title)),
        `<text x="470" y="${bottom - 10}" text-anchor="middle">Vacuum wavelength [nm]</text>`,
        "</svg>",
      ]
      save("gandalf-spectrum.svg", new Blob([text.join("")], { type: "image/svg+xml" }))
    }

    svgLegend() {
      return this.shown(this.curves).flatMap((curve, k) => {
        const left = SVG.left + SVG.legend * k
        return [
          svgLine(`M${left} 42h${SWATCH}`, { ...curve, width: curve.width + 1 }),
          `<text x="${left + SWATCH + 5}" y="46">${escaped(this.nameOf(curve.name))}</text>`,
        ]
      })
    }

    svgPanel(part, curves, top, height, title) {
      const box = { left: SVG.left, top, width: SVG.width, height }
      const range = this.range()
      const axes = scales(box, range, this.yRanges[part])
      const size = `x="${box.left}" y="${top}" width="${box.width}" height="${height}"`
      const middle = top + height / 2
      return [
        `<rect ${size} fill="none" stroke="#888"/>`,
        `<text transform="translate(16 ${middle}) rotate(-90)" text-anchor="middle">${title}</text>`,
        ...svgTicks(axes, range, this.yRanges[part], top + height),
        ...this.svgMarks(axes, box, range, part === "spectrum"),
        ...this.shown(curves).map(curve => {
          const path = new SvgPath()
          trace(path, this.wave, curves[curve.name], axes, range)
          return svgLine(path.text, curve)
        }),
      ]
    }

    svgMarks(axes, box, range, named) {
      const bottom = box.top + box.height
      return this.marks(axes.X, box, range, text => 6 * text.length).flatMap(mark => {
        const line = `<path d="M${mark.x} ${box.top}v${box.height}" stroke="#888" stroke-dasharray="1 3"/>`
        if (!named || mark.level < 0) return [line]
        const place = `x="${mark.place}" y="${bottom - 5 - 12 * mark.level}" text-anchor="middle"`
        return [line, `<text ${place} fill="#666" font-size="10">${mark.species}</text>`]
      })
    }
  }

function svgTicks({ X, Y }, xRange, yRange, bottom) {
  return [
    ...ticksOf(...xRange, 9).map(
      ([v, text]) => `<text x="${X(v)}" y="${bottom + 14}" text-anchor="middle">${text}</text>`,
    ),
    ...ticksOf(...yRange, 6).map(
      ([v, text]) => `<text x="${SVG.left - 6}" y="${Y(v) + 4}" text-anchor="end">${text}</text>`,
    ),
  ]
}

function svgLine(path, { colour, width, dash }) {
  const look = `stroke="${colour}" stroke-width="${width}" stroke-dasharray="${dash.join(" ")}"`
  return `<path d="${path}" fill="none" ${look}/>`
}

function escaped(text) {
  return text.replace(/[<>&"]/g, c => `&#${c.charCodeAt(0)};`)
}

// Takes the place of a canvas and writes down its path.
class SvgPath {
  text = ""
  moveTo(x, y) {
    this.text += `M${x.toFixed(2)} ${y.toFixed(2)}`
  }
  lineTo(x, y) {
    this.text += `L${x.toFixed(2)} ${y.toFixed(2)}`
  }
}
