// @ts-check
// Pointer and keys on the canvases: zoom, pan, hover, dragged latent dots. A mixin of `View` in component.js.

const Gestures = base =>
  class extends base {
    // --- spectrum and difference ---

    watchSpectrum(canvas) {
      const linked = zoomInLink().split("~").map(Number)
      if (linked.length === 2 && linked[0] < linked[1]) this.zoom = linked
      const at = event => event.clientX - canvas.getBoundingClientRect().left
      canvas.onpointerdown = event => {
        canvas.setPointerCapture(event.pointerId)
        canvas.drag = [at(event), at(event)]
        canvas.pan = event.shiftKey && canvas.axes.range
      }
      canvas.onpointermove = event => this.moveOver(canvas, at(event))
      canvas.onpointerup = () => this.release(canvas)
      canvas.onpointerleave = () => ((canvas.hover = null), this.schedule())
      canvas.ondblclick = () => this.setZoom(null)
      canvas.onkeydown = event => this.key(event, canvas)
    }

    moveOver(canvas, at) {
      canvas.hover = at
      if (canvas.drag) canvas.drag[1] = at
      if (canvas.pan) {
        const [from, to] = canvas.drag.map(canvas.axes.x)
        this.pan(canvas.pan, from - to)
      }
      this.schedule()
    }

    release(canvas) {
      const [a, b] = canvas.drag ?? [0, 0]
      const dragged = !canvas.pan && Math.abs(b - a) > 5
      if (canvas.pan) this.keepZoom()
      canvas.drag = canvas.pan = null
      if (!dragged) return this.schedule()
      const [low, high] = [Math.min(a, b), Math.max(a, b)].map(canvas.axes.x)
      high - low > 0.1 ? this.setZoom(this.clamp([low, high])) : this.schedule()
    }

    setZoom(range) {
      this.zoom = range
      this.settle = true
      this.keepZoom()
      this.schedule()
    }

    keepZoom() {
      putZoomInLink(this.zoom ? this.zoom.map(nm => nm.toFixed(3)).join("~") : "")
    }

    clamp([low, high]) {
      return [Math.max(low, this.wave[0]), Math.min(high, this.wave.at(-1))]
    }

    pan([low, high], by) {
      const step = Math.max(this.wave[0] - low, Math.min(this.wave.at(-1) - high, by))
      this.zoom = [low + step, high + step]
    }

    key(event, canvas) {
      const [low, high] = canvas.axes.range
      const half = (high - low) / 2
      const middle = (low + high) / 2
      const actions = {
        "+": () => this.setZoom([middle - half / 1.5, middle + half / 1.5]),
        "-": () => this.setZoom(this.clamp([middle - half * 1.5, middle + half * 1.5])),
        ArrowLeft: () => (this.pan([low, high], -half / 5), this.keepZoom(), this.schedule()),
        ArrowRight: () => (this.pan([low, high], half / 5), this.keepZoom(), this.schedule()),
        Escape: () => this.setZoom(null),
      }
      const action = actions[event.key]
      if (action) (event.preventDefault(), action())
    }

    // --- latent dots ---

    watchBars(canvas) {
      canvas.onpointerdown = event => {
        const { dimension, value } = this.placeOf(event, canvas)
        if (!this.data.edit || dimension < 0 || dimension >= this.z.length) return
        canvas.setPointerCapture(event.pointerId)
        canvas.held = dimension
        this.dimension = dimension
        this.setLatent(dimension, value)
      }
      canvas.onpointermove = event => {
        if (canvas.held == null) return
        const [low, high] = this.barRange()
        this.setLatent(canvas.held, Math.max(low, Math.min(high, this.placeOf(event, canvas).value)))
      }
      canvas.onpointerup = canvas.onpointercancel = () => {
        if (canvas.held == null) return
        canvas.held = null
        this.send()
      }
    }

    // The latent dimension and its value under the pointer.
    placeOf(event, canvas) {
      const { left, top } = canvas.getBoundingClientRect()
      const { box } = canvas.axes
      const [low, high] = this.barRange()
      const dimension = Math.floor(((event.clientX - left - box.left) / box.width) * this.z.length)
      const value = high - ((event.clientY - top - box.top) / box.height) * (high - low)
      return { dimension, value }
    }
  }
