// @ts-check
// A model's decoder in the browser, so that the spectrum follows a slider without a server.

/** @type {Record<string, (v: number) => number>} */
const ACTIVATIONS = {
  relu: v => (v > 0 ? v : 0),
  silu: v => v / (1 + Math.exp(-v)),
  tanh: Math.tanh,
  sigmoid: v => 1 / (1 + Math.exp(-v)),
  linear: v => v,
}

/** @typedef {{weight: Float32Array, bias: Float32Array}} Layer */

class Decoder {
  /** @param {ReturnType<typeof unpack>} packed */
  constructor({ header, array }) {
    const numbers = name => (name in header.arrays ? array(header.arrays[name]) : null)
    const layers = name =>
      header[name].map((_, k) => ({
        weight: numbers(`${name}${k}.weight`),
        bias: numbers(`${name}${k}.bias`),
      }))
    this.header = header
    this.key = header.key
    this.rest = layers("rest")
    this.mean = layers("mean")
    const weights = name => {
      const [whitened, nodes] = [numbers(`${name}.whitened`), name === "responses" ? "start" : name]
      if (!whitened) return numbers(`${name}.weights`)
      return unwhitened(numbers(`${nodes}.nodes`), numbers(`${nodes}.lengths`), whitened)
    }
    const part = (name, Kind) =>
      `${name}.weights` in header.arrays || `${name}.whitened` in header.arrays
        ? new Kind(array => (array === "weights" ? weights(name) : numbers(`${name}.${array}`)))
        : null
    this.start = part("start", GridStart)
    this.correction = part("correction", Correction)
    this.responses = part("responses", Responses)
    this.shift = "shift.strengths" in header.arrays ? new LineShift(array => numbers(`shift.${array}`)) : null
    this.axes = numbers("axes") // in which all but start and shift draw; none where they draw in pixels
    this.label_mean = numbers("label_mean")
    this.label_std = numbers("label_std")
    this.flux_offset = numbers("flux_offset")
    this.flux_scale = numbers("flux_scale")
    this.wavelength_nm = numbers("wavelength_nm")
    this.activate = ACTIVATIONS[header.activation]
    this.squash = ACTIVATIONS[header.output_activation]
  }

  /**
   * A network's output; its last layer has no activation.
   * @param {Layer[]} layers
   * @param {ArrayLike<number>} input
   */
  network(layers, input) {
    return layers.reduce((x, layer, depth) => {
      const sums = product(layer, x)
      return depth === layers.length - 1 ? sums : sums.map(this.activate)
    }, input)
  }

  /**
   * What a grid contributes to the output (each L); nothing where there is none.
   * @param {number[]} z
   * @param {number[]} y
   */
  partsOfGrid(z, y) {
    if (!this.start) return []
    const basis = this.start.basis(y)
    const added = [this.correction?.run(y), this.responses?.run(z, basis)].filter(part => part)
    return [this.start.run(basis), ...added.map(part => this.inPixels(part))]
  }

  /** @param {ArrayLike<number>} part in the axes (R), or in pixels where there are none */
  inPixels(part) {
    return this.axes ? sumOfRows(this.axes, part) : part
  }

  /**
   * What own stars have taught the mean spectrum, and the decoder adds to it (L).
   * @param {number[]} y
   * @param {ArrayLike<number> | null} network the mean spectrum that a network draws, or adds to the start
   */
  shiftOfMean(y, network) {
    const start = this.start ? this.start.run(this.start.basis(y)) : null
    const correction = this.correction ? this.inPixels(this.correction.run(y)) : null
    const parts = [network, start, correction].filter(part => part)
    const mean = Float64Array.from(this.flux_scale, (_, k) => parts.reduce((sum, part) => sum + part[k], 0))
    return this.shift.run(y, mean)
  }

  /**
   * The flux (L) for a latent z (Z) and labels in physical units.
   * @param {Iterable<number>} z
   * @param {Record<string, number>} labels
   */
  run(z, labels) {
    const y = this.header.labels.map((name, k) => (labels[name] - this.label_mean[k]) / this.label_std[k])
    const rest = Float64Array.from(this.inPixels(this.network(this.rest, [...z, ...y])))
    const mean = this.mean.length ? this.inPixels(this.network(this.mean, y)) : null
    const parts = this.partsOfGrid(Array.from(z), y)
    if (this.shift) parts.push(this.shiftOfMean(y, mean))
    const scaled = (v, k) => parts.reduce((sum, part) => sum + part[k], mean ? mean[k] + v : this.squash(v))
    return Float32Array.from(rest, (v, k) => scaled(v, k) * this.flux_scale[k] + this.flux_offset[k])
  }
}

/**
 * weight · x + bias
 * @param {Layer} layer
 * @param {ArrayLike<number>} x
 */
function product({ weight, bias }, x) {
  const y = new Float64Array(bias.length)
  const size = x.length
  for (let i = 0, at = 0; i < y.length; i++) {
    let sum = bias[i]
    for (let j = 0; j < size; j++, at++) sum += weight[at] * x[j]
    y[i] = sum
  }
  return y
}
