// @ts-check
// The view of the live decoder: what comes from Python and what goes back. Its mixins draw, steer and save.

const REST_MS = 120 // after the last change before Python is told: its answer would hold up the next paint

class View extends Saving(Gestures(Controls(Painting(class {})))) {
  constructor(root) {
    super()
    this.root = root
    this.part = name => root.querySelector("." + name)
    this.hidden = new Set()
    this.pending = null // token of the settings that Python has not answered yet
    this.taken = null // token of the settings that were last taken from Python
    this.count = 0
    this.paints = 0
    this.untold = null // settings that Python has not heard of yet
    this.telling = 0
    this.zoom = null
    this.dimension = 0
    for (const name of ["spectrum", "difference", "error"]) this.watchSpectrum(this.part(name))
    this.watchBars(this.part("bars"))
    this.watchControls()
    this.resizing = new ResizeObserver(() => this.schedule())
    this.resizing.observe(root)
    this.onData = event => this.data && event.detail === this.data.weights && this.start()
    window.addEventListener("gandalf-data", this.onData)
  }

  destroy() {
    this.stop()
    this.tell()
    this.resizing.disconnect()
    window.removeEventListener("gandalf-data", this.onData)
  }

  // --- from Python ---

  update(data, setState, app) {
    Object.assign(this, { setState, app, missing: false })
    this.theme = themeOf(this.root)
    CURVES.reconstruction.colour = COLOURS.reconstruction = this.theme.dark ? "#56B4E9" : "#0072B2"
    const { identity } = data.star
    const newStar = this.data?.star.identity !== identity || this.data.weights !== data.weights
    const { star, other, truth, bands } = data
    this.data = data
    this.observed = floatsOf(star.flux)
    this.star = { ...star, z: Array.from(floatsOf(star.z)) }
    this.other = other && { ...other, z: floatsOf(other.z) }
    this.truth = truth && { ...truth, before: floatsOf(truth.before), after: floatsOf(truth.after) }
    this.bands = bands.map(floatsOf)
    this.follow(data.settings, newStar)
    this.build()
    this.start()
  }

  // The numbers and downloads below the figure are those of Python's settings, so take them over. Except an
  // answer to settings that are not the latest any more, or settings taken before: a slider may have moved.
  follow(settings, newStar) {
    if (settings.token === this.pending || newStar) this.pending = null
    if (newStar) this.untold = null // it was said of another star or model
    if (!newStar && (this.pending || settings.token === this.taken)) return
    this.taken = settings.token
    this.labels = { ...this.star.labels, ...settings.labels }
    this.z = settings.z ? [...settings.z] : [...this.star.z]
  }

  start() {
    const packed = store.get(this.data.weights)
    if (!packed) return this.await()
    if (!this.ready) this.decoder = new Decoder(packed)
    this.wave = this.decoder.wavelength_nm
    this.reconstruction = this.decoder.run(this.star.z, this.star.labels)
    this.settle = true
    this.schedule()
  }

  // Whether the decoder of this very model is here.
  get ready() {
    return Boolean(this.data) && this.decoder?.key === this.data.weights
  }

  // Until the decoder has come, the star alone is drawn.
  await() {
    this.wave = gridOf(this.data.wavelength, this.observed.length)
    this.settle = true
    this.schedule()
    if (this.data.parts.length) fetchParts(this.app, this.data.parts).catch(() => this.sayMissing())
  }

  sayMissing() {
    this.missing = true
    this.schedule()
  }

  // --- changes by the user ---

  setLabel(name, value) {
    this.labels = { ...this.labels, [name]: value }
    this.changed()
  }

  setLatent(dimension, value) {
    this.z = this.z.map((v, k) => (k === dimension ? value : v))
    this.changed()
  }

  choose(dimension) {
    this.dimension = Math.max(0, Math.min(this.z.length - 1, dimension || 0))
    this.changed()
  }

  copy(dimensions) {
    if (!this.other) return
    this.z = this.z.map((v, k) => (dimensions.includes(k) ? this.other.z[k] : v))
    this.changed()
    this.send()
  }

  apply(labels, z) {
    this.stop()
    this.labels = { ...labels }
    this.z = [...z]
    this.changed()
    this.send()
  }

  changed() {
    this.show()
    this.schedule()
  }

  send() {
    const token = `${Date.now()}-${this.count++}`
    this.pending = this.taken = token
    this.settle = true
    this.schedule()
    const z = this.data.edit ? this.z : null
    this.untold = { token, star: this.star.id, labels: this.labels, z }
    clearTimeout(this.telling)
    this.telling = setTimeout(() => this.tell(), REST_MS)
  }

  // Python is told the latest settings once.
  tell() {
    clearTimeout(this.telling)
    if (this.untold) this.setState("settings", this.untold)
    this.untold = null
  }
}

// Wavelengths from their two ends where they are even, else as they came.
function gridOf(wavelength, count) {
  if (!Array.isArray(wavelength)) return floatsOf(wavelength)
  const [first, last] = wavelength
  return Float32Array.from({ length: count }, (_, k) => first + ((last - first) * k) / (count - 1))
}

export default function ({ data, parentElement, setStateValue, app = "" }) {
  if (data instanceof Uint8Array) return keep(unpack(data)) // in a page of one file
  const root = parentElement.querySelector(".gandalf")
  root.gandalf ??= new View(root)
  root.gandalf.update(data, setStateValue, app)
  return () => (root.gandalf.destroy(), (root.gandalf = null))
}
