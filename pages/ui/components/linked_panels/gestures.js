// @ts-check
// Pointer and keys on the panels: lasso, box, pan, zoom, hover, click. A mixin of `Panels` in component.js.

const REACH = 9 // pixels between the pointer and the star it means

const rounded = value => +value.toPrecision(5)

// From the link: the axes of a panel → its ranges.
function zoomsInLink() {
  const entries = zoomInLink()
    .split("_")
    .map(text => text.split("~"))
    .filter(parts => parts.length === 5 && parts.slice(1).every(part => Number.isFinite(+part)))
  return new Map(
    entries.map(([key, ...ends]) => {
      const [x0, x1, y0, y1] = ends.map(Number)
      return [
        key,
        [
          [x0, x1],
          [y0, y1],
        ],
      ]
    }),
  )
}

const Gestures = base =>
  class extends base {
    watch(view) {
      const { canvas, panel } = view
      if (!this.zooms.size) this.zooms = zoomsInLink()
      /** @returns {[number, number]} */
      const at = event => {
        const { left, top } = canvas.getBoundingClientRect()
        return [event.clientX - left, event.clientY - top]
      }
      canvas.onpointerdown = event => {
        canvas.setPointerCapture(event.pointerId)
        this.press(view, at(event), event.shiftKey)
      }
      canvas.onpointermove = event => (view.down ? this.drag(view, at(event)) : this.hover(view, at(event)))
      canvas.onpointerup = event => this.release(view, at(event))
      canvas.onpointerleave = () => view.hover >= 0 && ((view.hover = -1), this.schedule())
      canvas.ondblclick = () => (this.zooms.delete(zoomKey(panel)), this.keepZooms())
      canvas.onwheel = event => {
        if (this.mode !== "pan") return
        event.preventDefault()
        this.zoomAt(view, at(event), event.deltaY > 0 ? 1.25 : 0.8)
      }
      canvas.onkeydown = event => this.key(view, event.key)
    }

    key(view, key) {
      const { left, top, width, height } = view.box
      const factor = { "+": 0.7, "-": 1.4 }[key]
      if (factor) this.zoomAt(view, [left + width / 2, top + height / 2], factor)
      if (key === "Escape") (this.zooms.clear(), this.keepZooms())
    }

    // --- drag ---

    press(view, place, shift) {
      view.down = place
      view.from = this.rangeOf(view)
      view.kind = this.mode === "pan" || shift ? "pan" : this.mode
      if (view.kind !== "pan") view.lasso = [place]
    }

    drag(view, [x, y]) {
      view.hover = -1
      if (view.kind === "pan") this.pan(view, x - view.down[0], y - view.down[1])
      else if (view.kind === "box") view.lasso = [view.down, [x, view.down[1]], [x, y], [view.down[0], y]]
      else view.lasso.push([x, y])
      this.schedule()
    }

    release(view, [x, y]) {
      if (!view.down) return
      const moved = Math.hypot(x - view.down[0], y - view.down[1]) > 4 || (view.lasso?.length ?? 0) > 6
      const corners = view.lasso?.map(([px, py]) => [view.axes.x(px), view.axes.y(py)])
      view.down = view.lasso = null
      if (view.kind === "pan") this.keepZooms()
      if (moved && view.kind !== "pan") this.select(this.inside(view.panel, corners))
      else if (!moved) this.choose(view, [x, y])
      this.schedule()
    }

    pan(view, dx, dy) {
      const [[x0, x1], [y0, y1]] = view.from
      const x = (dx / view.box.width) * (x1 - x0)
      const y = (dy / view.box.height) * (y1 - y0)
      const range = [
        [x0 - x, x1 - x],
        [y0 + y, y1 + y],
      ]
      this.zooms.set(zoomKey(view.panel), range)
    }

    zoomAt(view, [px, py], factor) {
      const [xRange, yRange] = this.rangeOf(view)
      const around = (middle, range) => range.map(end => middle + (end - middle) * factor)
      const range = [around(view.axes.x(px), xRange), around(view.axes.y(py), yRange)]
      this.zooms.set(zoomKey(view.panel), range)
      this.keepZooms()
    }

    keepZooms() {
      const texts = [...this.zooms].map(([key, range]) => `${key}~${range.flat().map(rounded).join("~")}`)
      putZoomInLink(texts.join("_"))
      this.schedule()
    }

    // --- stars ---

    // Places of all stars in a panel: the columns' ones, then the uploaded ones (NaN where there are none).
    placesOf({ x, y }) {
      const none = new Float32Array(this.overlay_ids.length).fill(NaN)
      const joined = name => [this.columns[name], this.overlay[name] ?? none]
      return [joined(x), joined(y)]
    }

    // Which stars lie inside a polygon: 1 where a ray from the star crosses its sides an odd number of times.
    inside(panel, corners) {
      const [x, y] = this.placesOf(panel)
      const result = new Uint8Array(this.selected.length)
      for (const group of [0, 1])
        for (let k = 0; k < x[group].length; k++)
          result[group * this.count + k] = isInside(x[group][k], y[group][k], corners)
      return result
    }

    // The star nearest to a place on the canvas, an uploaded one first; -1 when none is within reach.
    nearest(view, [px, py]) {
      const [x, y] = this.placesOf(view.panel)
      const [[x0, x1], [y0, y1]] = this.rangeOf(view)
      const xScale = view.box.width / (x1 - x0)
      const yScale = view.box.height / (y1 - y0)
      const [xHere, yHere] = [view.axes.x(px), view.axes.y(py)]
      for (const group of [1, 0]) {
        let star = -1
        let least = REACH * REACH
        for (let k = 0; k < x[group].length; k++) {
          const distance = ((x[group][k] - xHere) * xScale) ** 2 + ((y[group][k] - yHere) * yScale) ** 2
          if (distance < least) ((least = distance), (star = k))
        }
        if (star >= 0) return group * this.count + star
      }
      return -1
    }

    hover(view, place) {
      const star = this.nearest(view, place)
      if (star !== view.hover) ((view.hover = star), this.schedule())
    }

    choose(view, place) {
      const star = this.nearest(view, place)
      if (star >= 0) this.setTrigger("picked", this.ids[star] ?? this.overlay_ids[star - this.count])
    }
  }

// 1 where a star lies inside a polygon, else 0, also for a star without a place.
function isInside(x, y, corners) {
  let odd = 0
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [xi, yi] = corners[i]
    const [xj, yj] = corners[j]
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd ^= 1
  }
  return odd
}
