// What is shown as a PNG or an SVG, with its settings and the names of its curves written on it. A mixin of `View` in component.js.

const SWATCH = 22 // pixels of a curve's colour before its name

const Saving = base =>
  class extends base {
    get caption() {
      return `${this.data.title} · ${this.star.id} · ${this.root.dataset.state}`
    }

    savePng() {
      const [a, b] = ["spectrum", "difference"].map(this.part),
        head = 50
      this.ratio = 2 * (window.devicePixelRatio || 1) // a page or a slide shows it larger than the screen does
      this.paint()
      const sheet = element("canvas", { width: a.width, height: a.height + b.height + head * this.ratio }),
        context = sheet.getContext("2d")
      context.fillStyle = this.theme.background
      context.fillRect(0, 0, sheet.width, sheet.height)
      context.drawImage(a, 0, head * this.ratio)
      context.drawImage(b, 0, head * this.ratio + a.height)
      context.scale(this.ratio, this.ratio)
      this.drawHead(context)
      this.ratio = undefined
      this.paint()
      sheet.toBlob(blob => save("gandalf-spectrum.png", blob))
    }

    // The settings, and under them the names of the curves.
    drawHead(context) {
      context.fillStyle = this.theme.text
      context.font = `13px ${this.theme.font}`
      context.fillText(this.caption, 10, 19)
      let left = 10
      for (const [key, colour, thick, dash] of this.shown(this.curves)) {
        Object.assign(context, { strokeStyle: colour, lineWidth: thick + 1 })
        context.setLineDash(dash)
        context.beginPath()
        context.moveTo(left, 38)
        context.lineTo(left + SWATCH, 38)
        context.stroke()
        context.fillText(this.nameOf(key), left + SWATCH + 5, 42)
        left += SWATCH + 25 + context.measureText(this.nameOf(key)).width
      }
    }

    saveSvg() {
      const escape = text => text.replace(/[<>&"]/g, c => `&#${c.charCodeAt(0)};`)
      const range = this.zoom ?? [this.wave[0], this.wave[this.wave.length - 1]]
      const groups = [
        ["spectrum", this.curves, 60, 300, "Normalised flux"],
        ["difference", this.changes, 390, 160, "Change of flux"],
      ].map(([name, curves, top, high, title]) => {
        const y = this.kept[name],
          box = { left: 70, top, width: 800, height: high }
        const recorder = new SvgPath()
        const scale = {
          X: v => box.left + ((v - range[0]) / (range[1] - range[0])) * box.width,
          Y: v => top + high - ((v - y[0]) / (y[1] - y[0])) * high,
        }
        const lines = this.shown(curves).map(([key, colour, thick, dash]) => {
          recorder.text = ""
          path(recorder, this.wave, curves[key], scale, range)
          return `<path d="${recorder.text}" fill="none" stroke="${colour}" stroke-width="${thick}" stroke-dasharray="${dash.join(" ")}"/>`
        })
        const marks = ticksOf(...range, 9).map(
          ([v, text]) => `<text x="${scale.X(v)}" y="${top + high + 14}" text-anchor="middle">${text}</text>`,
        )
        marks.push(
          ...ticksOf(...y, 6).map(
            ([v, text]) => `<text x="64" y="${scale.Y(v) + 4}" text-anchor="end">${text}</text>`,
          ),
        )
        marks.push(
          ...this.marks(scale.X, box, range, text => 6 * text.length).map(({ species, x, place, level }) => {
            const named = name === "spectrum" && level >= 0
            return (
              `<path d="M${x} ${top}v${high}" stroke="#888" stroke-dasharray="1 3"/>` +
              (named
                ? `<text x="${place}" y="${top + high - 5 - 12 * level}" text-anchor="middle" fill="#666" font-size="10">${species}</text>`
                : "")
            )
          }),
        )
        return `<rect x="${box.left}" y="${top}" width="${box.width}" height="${high}" fill="none" stroke="#888"/><text transform="translate(16 ${top + high / 2}) rotate(-90)" text-anchor="middle">${title}</text>${marks.join("")}${lines.join("")}`
      })
      const legend = this.shown(this.curves).map(
        ([key, colour, thick, dash], k) =>
          `<path d="M${70 + 150 * k} 42h${SWATCH}" stroke="${colour}" stroke-width="${thick + 1}" stroke-dasharray="${dash.join(" ")}"/><text x="${75 + SWATCH + 150 * k}" y="46">${escape(this.nameOf(key))}</text>`,
      )
      const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 600" font-family="sans-serif" font-size="11"><rect width="900" height="600" fill="#fff"/><text x="70" y="24" font-size="13">${escape(this.caption)}</text>${legend.join("")}${groups.join("")}<text x="470" y="590" text-anchor="middle">Vacuum wavelength [nm]</text></svg>`
      save("gandalf-spectrum.svg", new Blob([text], { type: "image/svg+xml" }))
    }
  }

class SvgPath {
  moveTo(x, y) {
    this.text += `M${x.toFixed(2)} ${y.toFixed(2)}`
  }
  lineTo(x, y) {
    this.text += `L${x.toFixed(2)} ${y.toFixed(2)}`
  }
}
