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
   * The grid's spectrum (L) at the labels that the decoder receives (C), in the units of its output.
   * @param {ArrayLike<number>} labels
   */
  run(labels) {
    const own = this.pulledIn(Array.from(this.columns, column => labels[column]))
    const x = [...own, ...this.held]
    const coefficients = sumOfRows(this.weights, kernel(x, this.nodes, this.lengths))
    sumOfRows(this.polynomial, monomials(x)).forEach((v, k) => (coefficients[k] += v))
    return sumOfRows(this.components, coefficients).map((v, k) => v + this.offset[k])
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

class Correction {
  /** @param {(name: string) => Float32Array | null} numbers an array of what stars add to the start */
  constructor(numbers) {
    this.nodes = numbers("nodes")
    this.lengths = numbers("lengths")
    this.weights = numbers("weights")
    this.offset = numbers("offset")
    this.components = numbers("components") // null where the decoder draws in pixels
  }

  /**
   * What is added (L) at the labels that the decoder receives (C).
   * @param {number[]} labels
   */
  run(labels) {
    const near = sumOfRows(this.weights, kernel(labels, this.nodes, this.lengths))
    const drawn = near.map((v, k) => v + this.offset[k])
    return this.components ? sumOfRows(this.components, drawn) : drawn
  }
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

/**
 * Rows of a matrix, each times its factor, added up.
 * @param {Float32Array} matrix row after row
 * @param {ArrayLike<number>} factors one for each row
 */
function sumOfRows(matrix, factors) {
  const sums = new Float64Array(matrix.length / factors.length)
  for (let row = 0, at = 0; row < factors.length; row++)
    for (let k = 0; k < sums.length; k++, at++) sums[k] += factors[row] * matrix[at]
  return sums
}
