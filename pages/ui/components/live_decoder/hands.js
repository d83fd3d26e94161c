// The hand on the canvases: zoom, pan, hover, keys, dragged latent dots. A mixin of `View` in component.js.

const Hands = base =>
  class extends base {
    setZoom(range) {
      this.zoom = range
      this.settle = true
      this.schedule()
    }

    watchSpectrum(canvas) {
      const at = event => event.clientX - canvas.getBoundingClientRect().left
      canvas.onpointerdown = event => (
        canvas.setPointerCapture(event.pointerId),
        (canvas.drag = [at(event), at(event)]),
        (canvas.pan = event.shiftKey && canvas.scale_.range)
      )
      canvas.onpointermove = event => {
        canvas.hover = at(event)
        if (canvas.drag) canvas.drag[1] = at(event)
        if (canvas.pan)
          this.shift(canvas, canvas.pan, canvas.scale_.x(canvas.drag[0]) - canvas.scale_.x(canvas.drag[1]))
        this.schedule()
      }
      canvas.onpointerup = () => {
        const [a, b] = canvas.drag ?? [0, 0]
        const wanted =
          !canvas.pan && Math.abs(b - a) > 5 && [Math.min(a, b), Math.max(a, b)].map(canvas.scale_.x)
        canvas.drag = canvas.pan = null
        wanted && wanted[1] - wanted[0] > 0.1 ? this.setZoom(this.clamp(wanted)) : this.schedule()
      }
      canvas.onpointerleave = () => ((canvas.hover = null), this.schedule())
      canvas.ondblclick = () => this.setZoom(null)
      canvas.onkeydown = event => this.key(event, canvas)
    }

    clamp([a, b]) {
      return [Math.max(a, this.wave[0]), Math.min(b, this.wave[this.wave.length - 1])]
    }

    shift(canvas, [a, b], by) {
      const low = Math.max(this.wave[0] - a, Math.min(this.wave[this.wave.length - 1] - b, by))
      this.zoom = [a + low, b + low]
    }

    key(event, canvas) {
      const [a, b] = canvas.scale_.range,
        half = (b - a) / 2,
        middle = (a + b) / 2
      const wanted = {
        "+": () => this.setZoom([middle - half / 1.5, middle + half / 1.5]),
        "-": () => this.setZoom(this.clamp([middle - half * 1.5, middle + half * 1.5])),
        ArrowLeft: () => (this.shift(canvas, [a, b], -half / 5), this.schedule()),
        ArrowRight: () => (this.shift(canvas, [a, b], half / 5), this.schedule()),
        Escape: () => this.setZoom(null),
      }[event.key]
      if (wanted) (event.preventDefault(), wanted())
    }

    watchBars(canvas) {
      const place = event => {
        const { left, top } = canvas.getBoundingClientRect(),
          { box } = canvas.scale_,
          [low, high] = this.barRange()
        const k = Math.floor(((event.clientX - left - box.left) / box.width) * this.z.length)
        return [k, high - ((event.clientY - top - box.top) / box.height) * (high - low), low, high]
      }
      canvas.onpointerdown = event => {
        const [k, value] = place(event)
        if (!this.data.edit || k < 0 || k >= this.z.length) return
        canvas.setPointerCapture(event.pointerId)
        canvas.held = k
        this.number = k
        this.setLatent(k, value)
      }
      canvas.onpointermove = event => {
        if (canvas.held == null) return
        const [, value, low, high] = place(event)
        this.setLatent(canvas.held, Math.max(low, Math.min(high, value)))
      }
      canvas.onpointerup = canvas.onpointercancel = () => {
        if (canvas.held == null) return
        canvas.held = null
        this.send()
      }
    }
  }
