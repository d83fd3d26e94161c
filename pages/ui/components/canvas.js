// What both canvas components share: typed arrays from Python, theme colours, axes. Prepended to each component's own script.

const scaleOf = text => text.match(/.{6}/g).map(hex => [0, 2, 4].map(k => parseInt(hex.slice(k, k + 2), 16)))
const VIRIDIS = scaleOf(
  "440154450c5e461869472373462d7b4337804140853e4a893a538b365c8c32658e2f6d8e2c758e287c8e26848e248c8c21948b1f9c8924a4852aab8131b27c3bb9764bc06c5cc7636ccd5980d24c95d73faadb32bedf2ad3e228e8e427fde725",
)
const COLOURS = {
  observed: "#8A8A8A",
  reconstruction: "#0072B2",
  generated: "#D55E00",
  truth: "#009E73",
  selected: "#E69F00",
  uploaded: "#CC79A7",
}

const bytesOf = text => Uint8Array.from(atob(text ?? ""), c => c.charCodeAt(0))
const floatsOf = text => new Float32Array(bytesOf(text).buffer)
const textOf = bytes => {
  let text = ""
  for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192))
  return btoa(text)
}

// Two mounts share one page: a silent one brings the heavy arrays once, the visible one finds them here by key.
const store = (window.gandalfStore ??= new Map())
function keep(key, value) {
  store.delete(key)
  store.set(key, value)
  if (store.size > 12) store.delete(store.keys().next().value)
  window.dispatchEvent(new CustomEvent("gandalf-data", { detail: key }))
}

// The bytes of pages/ui/components/packing.py: length of the JSON header, the header, float32 numbers.
function unpack(raw) {
  const bytes = raw.slice ? raw.slice() : new Uint8Array(raw)
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)))
  const numbers = new Float32Array(bytes.slice(4 + size).buffer)
  return { header, array: ([start, length]) => numbers.subarray(start, start + length) }
}

// A colour scale without the end that would vanish into the background.
const visible = (scale, dark) => (dark ? scale.slice(5) : scale.slice(0, -2))

function themeOf(element) {
  const css = getComputedStyle(element)
  const pick = (name, other) => css.getPropertyValue(name).trim() || other
  const background = pick("--st-background-color", "#ffffff")
  const dark = scaleOf(background.replace("#", "").slice(0, 6))[0].reduce((a, b) => a + b) < 380
  return {
    text: pick("--st-text-color", "#31333f"),
    background,
    dark,
    panel: pick("--st-secondary-background-color", "#f4f4f6"),
    primary: pick("--st-primary-color", "#0072B2"),
    font: pick("--st-font", "sans-serif"),
  }
}

// A canvas sized for the screen's pixels, or for a ratio to them; drawing happens in CSS pixels.
function fit(canvas, ratio = window.devicePixelRatio || 1) {
  const width = canvas.clientWidth,
    height = canvas.clientHeight
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  const context = canvas.getContext("2d")
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  return { context, width, height, ratio }
}

function ticksOf(low, high, wanted, whole = false) {
  const [a, b] = low < high ? [low, high] : [high, low]
  if (!(b > a)) return []
  const raw = (b - a) / Math.max(wanted, 1),
    power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 2.5, 5, 10].map(k => k * power).find(s => s >= raw && (!whole || Number.isInteger(s)))
  const digits = Math.max(0, Math.ceil(-Math.log10(step) + (step / power === 2.5 ? 1 : 0) - 1e-9))
  const ticks = []
  for (let v = Math.ceil(a / step - 1e-9) * step; v <= b + step * 1e-6; v += step)
    ticks.push([v, (Math.abs(v) < step / 1e6 ? 0 : v).toFixed(digits).replace("-", "−")])
  return ticks
}

// "T<sub>eff</sub> [K]" drawn with a real subscript; returns the width.
function drawSymbol(context, text, x, y, size, font, align = "left") {
  const parts = text.split(/<sub>|<\/sub>/).map((part, k) => [part, k % 2 === 1])
  const setFont = low => (context.font = `${low ? size * 0.75 : size}px ${font}`)
  const total = parts.reduce((sum, [part, low]) => (setFont(low), sum + context.measureText(part).width), 0)
  let left = align === "center" ? x - total / 2 : align === "right" ? x - total : x
  context.textAlign = "left"
  for (const [part, low] of parts) {
    setFont(low)
    context.fillText(part, left, y + (low ? size * 0.22 : 0))
    left += context.measureText(part).width
  }
  return total
}

// A frame with grid, ticks and titles. ranges may run backwards. Returns the two scales.
function drawAxes(
  context,
  box,
  xRange,
  yRange,
  theme,
  { xTitle = "", yTitle = "", ticks = true, whole = false } = {},
) {
  const X = v => box.left + ((v - xRange[0]) / (xRange[1] - xRange[0])) * box.width
  const Y = v => box.top + box.height - ((v - yRange[0]) / (yRange[1] - yRange[0])) * box.height
  context.save()
  context.strokeStyle = context.fillStyle = theme.text
  context.lineWidth = 1
  if (ticks) {
    context.font = `11px ${theme.font}`
    for (const [v, name] of ticksOf(...xRange, box.width / 85, whole)) {
      context.globalAlpha = 0.06
      context.strokeRect(X(v), box.top, 0, box.height)
      context.globalAlpha = 0.75
      context.textAlign = "center"
      context.fillText(name, X(v), box.top + box.height + 14)
    }
    for (const [v, name] of ticksOf(...yRange, box.height / 45)) {
      context.globalAlpha = 0.06
      context.strokeRect(box.left, Y(v), box.width, 0)
      context.globalAlpha = 0.75
      context.textAlign = "right"
      context.fillText(name, box.left - 6, Y(v) + 4)
    }
  }
  context.globalAlpha = 0.25
  context.strokeRect(box.left, box.top, box.width, box.height)
  context.globalAlpha = 0.9
  if (xTitle)
    drawSymbol(
      context,
      xTitle,
      box.left + box.width / 2,
      box.top + box.height + 32,
      12.5,
      theme.font,
      "center",
    )
  if (yTitle) {
    context.translate(13, box.top + box.height / 2)
    context.rotate(-Math.PI / 2)
    drawSymbol(context, yTitle, 0, 0, 12.5, theme.font, "center")
  }
  context.restore()
  return {
    X,
    Y,
    x: px => xRange[0] + ((px - box.left) / box.width) * (xRange[1] - xRange[0]),
    y: py => yRange[0] + ((box.top + box.height - py) / box.height) * (yRange[1] - yRange[0]),
  }
}

function save(name, blob) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 4000)
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes))
    name in made && name !== "list" ? (made[name] = value) : made.setAttribute(name, value)
  made.append(...children)
  return made
}

// A symbol with <sub> as DOM nodes: text only, so that no name from a file can bring markup.
function symbolNodes(text) {
  return text
    .split(/<sub>|<\/sub>/)
    .map((part, k) => (k % 2 ? element("sub", {}, part) : document.createTextNode(part)))
}
