// What is shown as a PNG or an SVG, with its settings written on it. A mixin of `View` in component.js.

const Saving = base => class extends base {
  get caption() {
    return `${this.data.title} · ${this.star.id} · ${this.root.dataset.state}`
  }

  savePng() {
    const [a, b] = ["spectrum", "difference"].map(this.part), ratio = window.devicePixelRatio || 1
    const sheet = element("canvas", { width: a.width, height: a.height + b.height + 28 * ratio }), context = sheet.getContext("2d")
    context.fillStyle = this.theme.background
    context.fillRect(0, 0, sheet.width, sheet.height)
    context.fillStyle = this.theme.text
    context.font = `${13 * ratio}px ${this.theme.font}`
    context.fillText(this.caption, 10 * ratio, 19 * ratio)
    context.drawImage(a, 0, 28 * ratio)
    context.drawImage(b, 0, 28 * ratio + a.height)
    sheet.toBlob(blob => save("gandalf-spectrum.png", blob))
  }

  saveSvg() {
    const escape = text => text.replace(/[<>&"]/g, c => `&#${c.charCodeAt(0)};`)
    const range = this.zoom ?? [this.wave[0], this.wave[this.wave.length - 1]]
    const groups = [["spectrum", this.curves, 40, 320, "Normalised flux"], ["difference", this.changes, 390, 160, "Change of flux"]].map(([name, curves, top, high, title]) => {
      const y = this.kept[name], box = { left: 70, top, width: 800, height: high }
      const recorder = new SvgPath()
      const scale = { X: v => box.left + ((v - range[0]) / (range[1] - range[0])) * box.width, Y: v => top + high - ((v - y[0]) / (y[1] - y[0])) * high }
      const lines = Object.entries(CURVES).filter(([key]) => curves[key] && !this.hidden.has(key)).map(([key, [, colour, thick, dash]]) => {
        recorder.text = ""
        path(recorder, this.wave, curves[key], scale, range)
        return `<path d="${recorder.text}" fill="none" stroke="${colour}" stroke-width="${thick}" stroke-dasharray="${dash.join(" ")}"/>`
      })
      const marks = ticksOf(...range, 9).map(([v, text]) => `<text x="${scale.X(v)}" y="${top + high + 14}" text-anchor="middle">${text}</text>`)
      marks.push(...ticksOf(...y, 6).map(([v, text]) => `<text x="64" y="${scale.Y(v) + 4}" text-anchor="end">${text}</text>`))
      return `<rect x="${box.left}" y="${top}" width="${box.width}" height="${high}" fill="none" stroke="#888"/><text transform="translate(16 ${top + high / 2}) rotate(-90)" text-anchor="middle">${title}</text>${marks.join("")}${lines.join("")}`
    })
    const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 600" font-family="sans-serif" font-size="11"><rect width="900" height="600" fill="#fff"/><text x="70" y="24" font-size="13">${escape(this.caption)}</text>${groups.join("")}<text x="470" y="590" text-anchor="middle">Vacuum wavelength [nm]</text></svg>`
    save("gandalf-spectrum.svg", new Blob([text], { type: "image/svg+xml" }))
  }
}

class SvgPath {
  moveTo(x, y) { this.text += `M${x.toFixed(2)} ${y.toFixed(2)}` }
  lineTo(x, y) { this.text += `L${x.toFixed(2)} ${y.toFixed(2)}` }
}
