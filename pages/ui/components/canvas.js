// @ts-check
// Shared by both canvas components, whose scripts follow it: arrays from Python, theme colours, axes.

/** @typedef {{left: number, top: number, width: number, height: number}} Box pixels of a frame on a canvas */
/** @typedef {[number, number, number]} Rgb */

/** @returns {Rgb[]} colours from a text of six hexadecimal digits each */
const coloursOf = text =>
  text.match(/.{6}/g).map(hex => [0, 2, 4].map(k => parseInt(hex.slice(k, k + 2), 16)))
const VIRIDIS = coloursOf(
  "440154450c5e461869472373462d7b4337804140853e4a893a538b365c8c32658e2f6d8e2c758e287c8e26848e248c8c" +
    "21948b1f9c8924a4852aab8131b27c3bb9764bc06c5cc7636ccd5980d24c95d73faadb32bedf2ad3e228e8e427fde725",
)
const COLOURS = {
  observed: "#8A8A8A",
  reconstruction: "#0072B2",
  generated: "#D55E00",
  truth: "#009E73",
  selected: "#E69F00",
  uploaded: "#CC79A7",
}
const MAX_STORED = 12 // arrays that the browser keeps

// --- arrays from Python ---

const bytesOf = text => Uint8Array.from(atob(text ?? ""), c => c.charCodeAt(0))
const floatsOf = text => new Float32Array(bytesOf(text).buffer)
const textOf = bytes => {
  let text = ""
  for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192))
  return btoa(text)
}

// Two components share a page: a silent one brings the large arrays once, the visible one finds them by key.
/** @type {Map<string, ReturnType<typeof unpack>>} */
// @ts-ignore: the page's own property
const store = (window.gandalfStore ??= new Map())

/** @param {ReturnType<typeof unpack>} packed */
function keep(packed) {
  const { key } = packed.header
  store.delete(key)
  store.set(key, packed)
  if (store.size > MAX_STORED) store.delete(store.keys().next().value)
  window.dispatchEvent(new CustomEvent("gandalf-data", { detail: key }))
}

/**
 * The bytes of gandalf_core/publishing/arrays.py: length of the JSON header, the header, float32 numbers, and
 * integers of up to 16 bits that are to be multiplied by the scale of their row.
 * @param {Uint8Array} raw
 */
function unpack(raw) {
  const bytes = raw.slice()
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)))
  const end = 4 + size + 4 * header.floats
  const numbers = new Float32Array(bytes.slice(4 + size, end).buffer)
  const { integers, low } = header // a byte with the high bits of each, then `low` others without a gap
  const rest = k => {
    const at = end + integers + ((k * low) >> 3)
    return ((bytes[at] | (bytes[at + 1] << 8)) >> ((k * low) & 7)) & ((1 << low) - 1)
  }
  const integer = k => (((bytes[end + k] << 24) >> 24) << low) | rest(k)
  /** @param {number[]} place @returns {Float32Array} */
  const scaled = ([start, length, scales, rows, ...more]) => {
    const columns = length / rows
    const value = k => integer(start + k) * numbers[scales + Math.floor(k / columns)]
    const values = Float32Array.from({ length }, (_, k) => value(k))
    if (more.length) scaled(more).forEach((v, k) => (values[k] = value(k) + v))
    return values
  }
  /** @param {number[]} place */
  const exact = ([start, length]) => numbers.subarray(start, start + length)
  return { header, array: place => (place.length > 2 ? scaled(place) : exact(place)) }
}

/**
 * Several parts as one: the header of the first, the arrays of all.
 * @param {ReturnType<typeof unpack>[]} parts
 */
function joined(parts) {
  /** @type {[string, ReturnType<typeof unpack>][]} */
  const owners = parts.flatMap(part => Object.keys(part.header.arrays).map(name => [name, part]))
  const places = owners.map(([name, { header, array }]) => [name, () => array(header.arrays[name])])
  return { header: { ...parts[0].header, arrays: Object.fromEntries(places) }, array: place => place() }
}

// Fetch parts from the server, once; the browser keeps them by their content (pages/ui/components/delivery.py).
const fetching = new Set()
async function fetchParts(app, addresses) {
  const all = addresses.join()
  if (fetching.has(all)) return
  fetching.add(all)
  try {
    const answers = await Promise.all(addresses.map(address => fetch(app + address)))
    if (!answers.every(answer => answer.ok)) throw new Error("a part is missing")
    const contents = await Promise.all(answers.map(answer => answer.arrayBuffer()))
    keep(joined(contents.map(content => unpack(new Uint8Array(content)))))
  } finally {
    fetching.delete(all)
  }
}

// --- colours and sizes ---

// A colour scale without the end that would vanish into the background.
const visible = (scale, dark) => (dark ? scale.slice(5) : scale.slice(0, -2))

/** @param {Element} root */
function themeOf(root) {
  const css = getComputedStyle(root)
  const pick = (name, fallback) => css.getPropertyValue(name).trim() || fallback
  const background = pick("--st-background-color", "#ffffff")
  const [rgb] = coloursOf(background.replace("#", "").slice(0, 6))
  return {
    text: pick("--st-text-color", "#31333f"),
    background,
    dark: rgb[0] + rgb[1] + rgb[2] < 380,
    panel: pick("--st-secondary-background-color", "#f4f4f6"),
    primary: pick("--st-primary-color", "#0072B2"),
    font: pick("--st-font", "sans-serif"),
  }
}

/**
 * Size a canvas for the screen's pixels, or for a ratio to them, and clear it; drawing uses CSS pixels.
 * @param {HTMLCanvasElement} canvas
 */
function fit(canvas, ratio = window.devicePixelRatio || 1) {
  const { clientWidth: width, clientHeight: height } = canvas
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  const context = canvas.getContext("2d")
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  return { context, width, height, ratio }
}

// --- axes ---

/**
 * About `count` round values between two numbers, with their texts.
 * @returns {[number, string][]}
 */
function ticksOf(low, high, count, whole = false) {
  const [a, b] = low < high ? [low, high] : [high, low]
  if (!(b > a)) return []
  const raw = (b - a) / Math.max(count, 1)
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 2.5, 5, 10].map(k => k * power).find(s => s >= raw && (!whole || Number.isInteger(s)))
  const digits = Math.max(0, Math.ceil(-Math.log10(step) + (step / power === 2.5 ? 1 : 0) - 1e-9))
  const textOfTick = v => (Math.abs(v) < step / 1e6 ? 0 : v).toFixed(digits).replace("-", "−")
  const ticks = []
  for (let v = Math.ceil(a / step - 1e-9) * step; v <= b + step * 1e-6; v += step)
    ticks.push([v, textOfTick(v)])
  return ticks
}

// Draw "T<sub>eff</sub> [K]" with a real subscript.
function drawSymbol(context, text, x, y, size, font, align = "left") {
  const parts = text.split(/<sub>|<\/sub>/)
  const setFont = k => (context.font = `${k % 2 ? size * 0.75 : size}px ${font}`)
  const widths = parts.map((part, k) => (setFont(k), context.measureText(part).width))
  const total = widths.reduce((a, b) => a + b, 0)
  let left = align === "center" ? x - total / 2 : x
  context.textAlign = "left"
  parts.forEach((part, k) => {
    setFont(k)
    context.fillText(part, left, y + (k % 2 ? size * 0.22 : 0))
    left += widths[k]
  })
}

/**
 * From values to pixels (X, Y) and back (x, y). Ranges may run backwards.
 * @param {Box} box
 */
function scales(box, [x0, x1], [y0, y1]) {
  return {
    X: v => box.left + ((v - x0) / (x1 - x0)) * box.width,
    Y: v => box.top + box.height - ((v - y0) / (y1 - y0)) * box.height,
    x: px => x0 + ((px - box.left) / box.width) * (x1 - x0),
    y: py => y0 + ((box.top + box.height - py) / box.height) * (y1 - y0),
  }
}

/**
 * A frame with grid, ticks and titles; returns its scales.
 * @param {CanvasRenderingContext2D} context
 * @param {Box} box
 */
function drawAxes(context, box, xRange, yRange, theme, options) {
  const { xTitle = "", yTitle = "", ticks = true, whole = false } = options
  const axes = scales(box, xRange, yRange)
  const bottom = box.top + box.height
  const middle = box.left + box.width / 2
  context.save()
  context.strokeStyle = context.fillStyle = theme.text
  context.lineWidth = 1
  context.font = `11px ${theme.font}`
  if (ticks) drawTicks(context, box, axes, xRange, yRange, whole)
  context.globalAlpha = 0.25
  context.strokeRect(box.left, box.top, box.width, box.height)
  context.globalAlpha = 0.9
  if (xTitle) drawSymbol(context, xTitle, middle, bottom + 32, 12.5, theme.font, "center")
  if (yTitle) {
    context.translate(13, box.top + box.height / 2)
    context.rotate(-Math.PI / 2)
    drawSymbol(context, yTitle, 0, 0, 12.5, theme.font, "center")
  }
  context.restore()
  return axes
}

function drawTicks(context, box, { X, Y }, xRange, yRange, whole) {
  const bottom = box.top + box.height
  for (const [v, text] of ticksOf(xRange[0], xRange[1], box.width / 85, whole)) {
    context.globalAlpha = 0.06
    context.strokeRect(X(v), box.top, 0, box.height)
    context.globalAlpha = 0.9
    context.textAlign = "center"
    context.fillText(text, X(v), bottom + 14)
  }
  for (const [v, text] of ticksOf(yRange[0], yRange[1], box.height / 45)) {
    context.globalAlpha = 0.06
    context.strokeRect(box.left, Y(v), box.width, 0)
    context.globalAlpha = 0.9
    context.textAlign = "right"
    context.fillText(text, box.left - 6, Y(v) + 4)
  }
}

// --- the zoom, a part of the page's link that no server needs ---

const ZOOM = "zoom"
const zoomInLink = () => new URL(location.href).searchParams.get(ZOOM) ?? ""

/** @param {string} text what is shown; empty: everything */
function putZoomInLink(text) {
  if (!location.protocol.startsWith("http")) return // a page of one file has no link of its own
  const url = new URL(location.href)
  if (text) url.searchParams.set(ZOOM, text)
  else url.searchParams.delete(ZOOM)
  if (url.href !== location.href) history.replaceState(history.state, "", url)
}

// --- documents ---

function save(name, blob) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 4000)
}

// A DOM element; attributes that are its properties are set as such.
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes))
    name in node ? (node[name] = value) : node.setAttribute(name, value)
  node.append(...children)
  return node
}

// A symbol with <sub> as DOM nodes: text only, so that no name from a file can bring markup.
function symbolNodes(text) {
  return text
    .split(/<sub>|<\/sub>/)
    .map((part, k) => (k % 2 ? element("sub", {}, part) : document.createTextNode(part)))
}
