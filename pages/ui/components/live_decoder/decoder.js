// The decoder in the browser: sliders and latent bars that move the spectrum while they are dragged, without a server.

const ACTIVATIONS = {
  relu: v => (v > 0 ? v : 0),
  silu: v => v / (1 + Math.exp(-v)),
  tanh: Math.tanh,
  sigmoid: v => 1 / (1 + Math.exp(-v)),
  linear: v => v,
}

class Decoder {
  constructor({ header, array }) {
    this.header = header
    const layers = name =>
      header[name].map((_, k) => ({
        weight: array(header.arrays[`${name}${k}.weight`]),
        bias: array(header.arrays[`${name}${k}.bias`]),
      }))
    this.rest = layers("rest")
    this.mean = layers("mean")
    for (const name of ["label_mean", "label_std", "flux_offset", "flux_scale", "wavelength_nm"])
      this[name] = array(header.arrays[name])
    this.activate = ACTIVATIONS[header.activation]
    this.squash = ACTIVATIONS[header.output_activation]
  }

  network(layers, input) {
    let x = input
    layers.forEach(({ weight, bias }, depth) => {
      const y = new Float64Array(bias.length),
        inputs = x.length,
        last = depth === layers.length - 1
      for (let i = 0, at = 0; i < y.length; i++) {
        let sum = bias[i]
        for (let j = 0; j < inputs; j++, at++) sum += weight[at] * x[j]
        y[i] = last ? sum : this.activate(sum)
      }
      x = y
    })
    return x
  }

  // z: latent numbers; labels: {name: value in physical units} -> flux
  run(z, labels) {
    const y = this.header.labels.map((name, k) => (labels[name] - this.label_mean[k]) / this.label_std[k])
    const rest = this.network(this.rest, [...z, ...y])
    const mean = this.mean.length ? this.network(this.mean, y) : null
    return Float32Array.from(
      rest,
      (v, k) => (mean ? mean[k] + v : this.squash(v)) * this.flux_scale[k] + this.flux_offset[k],
    )
  }
}
