// @ts-check
// A mean spectrum that starts from a grid, computed as gandalf_core/networks/start.py does.

class GridStart {
  /** @param {(name: string) => Float32Array | null} numbers an array of the start */
  constructor(numbers) {
    this.columns = numbers("columns")
    this.held = numbers("held")
    this.nodes = numbers("nodes")
    this.lengths = numbers("lengths")
    this.weights = numbers("weights")
    this.polynomial = numbers("polynomial")
    this.components = numbers("components")
    this.offset = numbers("offset")
    this.centre = numbers("centre")
    this.walls = numbers("walls")
  }

  /**
   * What the grid's functions are combinations of, at the labels that the decoder receives (C).
   * @param {ArrayLike<number>} labels
   */
  basis(labels) {
    const own = this.pulledIn(Array.from(this.columns, column => labels[column]))
    const x = [...own, ...this.held]
    return { near: kernel(x, this.nodes, this.lengths), powers: monomials(x) }
  }

  /**
   * The grid's spectrum (L), in the units of the decoder's output.
   * @param {Basis} basis
   */
  run(basis) {
    return combined(this, basis)
  }

  /**
   * A point beyond a wall is moved on the straight line to the centre, up to the wall.
   * @param {number[]} point
   */
  pulledIn(point) {
    const around = point.map((v, k) => v - this.centre[k])
    const size = around.length
    let reach = 1
    for (let at = 0; at < this.walls.length; at += size)
      reach = Math.max(
        reach,
        around.reduce((sum, v, k) => sum + v * this.walls[at + k], 0),
      )
    return around.map((v, k) => this.centre[k] + v / reach)
  }
}

class Responses {
  /** @param {(name: string) => Float32Array | null} numbers an array of the responses to nuisances */
  constructor(numbers) {
    this.reading = numbers("reading")
    this.weights = numbers("weights")
    this.polynomial = numbers("polynomial")
    this.components = numbers("components")
    this.offset = numbers("offset")
  }

  /**
   * Each response times its amplitude, added up (R).
   * @param {number[]} z
   * @param {Basis} basis of the start
   */
  run(z, basis) {
    const count = this.reading.length / z.length
    const amplitudes = Array.from({ length: count }, (_, j) =>
      z.reduce((sum, v, k) => sum + v * this.reading[j * z.length + k], 0),
    )
    return sumOfRows(combined(this, basis), amplitudes)
  }
}

class Correction {
  /** @param {(name: string) => Float32Array | null} numbers an array of what stars add to the start */
  constructor(numbers) {
    this.nodes = numbers("nodes")
    this.lengths = numbers("lengths")
    this.weights = numbers("weights")
    this.offset = numbers("offset")
  }

  /**
   * What is added (R) at the labels that the decoder receives (C).
   * @param {number[]} labels
   */
  run(labels) {
    const near = sumOfRows(this.weights, kernel(labels, this.nodes, this.lengths))
    return near.map((v, k) => v + this.offset[k])
  }
}

const JITTER = 1e-8 // as in gandalf_core/publishing/whitened.py
/** @type {{places: Float64Array, size: number, factor: Float64Array}[]} */
const factors = [] // of the kernels met last: models share their nodes

/**
 * Weights (M · K) of a kernel's nodes from whitened ones (K · M), as gandalf_core/publishing/whitened.py says.
 * @param {Float32Array} nodes
 * @param {Float32Array} lengths
 * @param {Float32Array} whitened
 */
function unwhitened(nodes, lengths, whitened) {
  const { factor, count } = factorOf(nodes, lengths)
  const width = whitened.length / count
  const rest = Float64Array.from(whitened, (_, k) => whitened[(k % width) * count + Math.floor(k / width)])
  for (let i = count - 1; i >= 0; i--) {
    const row = rest.subarray(i * width, (i + 1) * width)
    for (let k = 0; k < width; k++) row[k] /= factor[i * count + i]
    for (let j = 0; j < i; j++) {
      const share = factor[i * count + j]
      for (let k = 0, at = j * width; k < width; k++, at++) rest[at] -= share * row[k]
    }
  }
  return rest
}

/**
 * The lower triangle L (M · M) of the kernel between nodes, LLᵀ.
 * @param {Float32Array} nodes
 * @param {Float32Array} lengths
 */
function factorOf(nodes, lengths) {
  const size = lengths.length
  const count = nodes.length / size
  const places = Float64Array.from(nodes, (v, k) => v / lengths[k % size])
  const same = known => known.size === size && known.places.every((v, k) => v === places[k])
  const known = factors.find(entry => entry.places.length === places.length && same(entry))
  if (known) return { factor: known.factor, count }
  const factor = new Float64Array(count * count)
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let square = 0
      for (let k = 0; k < size; k++) square += (places[i * size + k] - places[j * size + k]) ** 2
      let sum = (1 + square / 4) ** -2
      for (let k = 0, a = i * count, b = j * count; k < j; k++) sum -= factor[a + k] * factor[b + k]
      factor[i * count + j] = i === j ? Math.sqrt(sum + JITTER) : sum / factor[j * count + j]
    }
  }
  factors.push({ places, size, factor })
  if (factors.length > 4) factors.shift()
  return { factor, count }
}

/** @typedef {{near: Float64Array, powers: number[]}} Basis */

/**
 * A combination of the basis as coefficients of components, and these as numbers.
 * @param {Record<"weights" | "polynomial" | "components" | "offset", Float32Array>} factors
 * @param {Basis} basis
 */
function combined({ weights, polynomial, components, offset }, { near, powers }) {
  const coefficients = sumOfRows(weights, near)
  sumOfRows(polynomial, powers).forEach((v, k) => (coefficients[k] += v))
  return sumOfRows(components, coefficients).map((v, k) => v + offset[k])
}

/**
 * (1 + d²/4)⁻² of the distance d of x to each node, in units of the lengths.
 * @param {number[]} x
 * @param {Float32Array} nodes
 * @param {Float32Array} lengths
 */
function kernel(x, nodes, lengths) {
  const size = x.length
  return Float64Array.from({ length: nodes.length / size }, (_, node) => {
    const square = x.reduce((sum, v, k) => sum + ((v - nodes[node * size + k]) / lengths[k]) ** 2, 0)
    return (1 + square / 4) ** -2
  })
}

/**
 * 1, the coordinates, and their products in pairs.
 * @param {number[]} x
 */
function monomials(x) {
  return [1, ...x, ...x.flatMap((v, i) => x.slice(i).map(w => v * w))]
}

/** What own stars say of the strengths of lines (networks/shift.py). */
class LineShift {
  /** @param {(name: string) => Float32Array | null} numbers an array of the shift */
  constructor(numbers) {
    this.low = numbers("low")
    this.high = numbers("high")
    this.centre = numbers("centre")
    this.spread = numbers("spread")
    this.strengths = numbers("strengths")
    this.level = numbers("level")
    this.continuum = numbers("continuum")
  }

  /**
   * What is added to a mean spectrum (L), in the units of the decoder's output.
   * @param {number[]} labels
   * @param {ArrayLike<number>} mean
   */
  run(labels, mean) {
    const scaled = labels.map((v, k) => {
      const within = Math.min(Math.max(v, this.low[k]), this.high[k])
      return (within - this.centre[k]) / Math.max(this.spread[k], 1e-9)
    })
    const terms = monomials(scaled).slice(0, this.strengths.length / this.level.length)
    const share = sumOfRows(this.strengths, terms)
    return share.map((g, k) => (this.continuum[k] - mean[k]) * g + this.level[k])
  }
}

/**
 * Rows of a matrix, each times its factor, added up.
 * @param {ArrayLike<number>} matrix row after row
 * @param {ArrayLike<number>} factors one for each row
 */
function sumOfRows(matrix, factors) {
  const sums = new Float64Array(matrix.length / factors.length)
  for (let row = 0, at = 0; row < factors.length; row++)
    for (let k = 0; k < sums.length; k++, at++) sums[k] += factors[row] * matrix[at]
  return sums
}
