// @ts-check
// The link is the view: writes what Python says of it into the address, and takes it from there on Back.

const MARK = "view" // stands in every address that says how the view is

let missed = false // whether Back has led to another page, which is told once that page is there

class Bar {
  constructor(root) {
    this.root = root
    this.awaited = null // the token of a Back that Python has not followed yet
    this.count = 0
    const part = name => root.querySelector("." + name)
    this.part = part
    part("undo").onclick = () => this.tell("undo")
    part("redo").onclick = () => this.tell("redo")
    part("copy").onclick = () => this.copy()
    this.onBack = () => this.back()
    this.onKey = event => this.key(event)
    this.onHistory = event => this.showHistory(event.detail)
    window.addEventListener("gandalf-history", this.onHistory)
    window.addEventListener("popstate", this.onBack)
    window.addEventListener("keydown", this.onKey)
  }

  destroy() {
    window.removeEventListener("gandalf-history", this.onHistory)
    window.removeEventListener("popstate", this.onBack)
    window.removeEventListener("keydown", this.onKey)
  }

  // --- from Python: {params, names, back, undo, redo} ---

  update(data, setTrigger) {
    this.setTrigger = setTrigger
    this.showHistory(data)
    const other = this.page !== undefined && this.page !== data.page
    this.page = data.page
    if (missed && other) {
      missed = false
      this.awaited = this.tell("back", { search: location.search })
    }
    if (this.awaited && data.back !== this.awaited) return
    this.awaited = null
    writeView(data)
  }

  showHistory({ undo, redo }) {
    this.part("undo").disabled = !undo
    this.part("redo").disabled = !redo
  }

  // --- to Python ---

  tell(what, more = {}) {
    const token = `${Date.now()}-${this.count++}`
    this.setTrigger("asked", { what, token, ...more })
    return token
  }

  back() {
    missed = location.pathname.split("/").pop() !== (this.page ?? "")
    if (!missed) this.awaited = this.tell("back", { search: location.search })
  }

  key(event) {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.altKey) return
    const [target] = event.composedPath()
    if (isText(target)) return // the browser's own undo
    event.preventDefault()
    this.tell(event.shiftKey ? "redo" : "undo")
  }

  async copy() {
    const done = await copied(location.href)
    this.part("told").textContent = done ? "Copied." : "Copy it from the address bar."
    setTimeout(() => (this.part("told").textContent = ""), 4000)
  }
}

const isText = target =>
  target?.isContentEditable ||
  target?.tagName === "TEXTAREA" ||
  (target?.tagName === "INPUT" && !["range", "checkbox", "radio", "button"].includes(target.type))

// Another view of the same page is a step that Back undoes; where the address said nothing, it is completed.
function writeView({ params, names }) {
  const url = new URL(location.href)
  const had = url.searchParams.has(MARK)
  for (const name of names) url.searchParams.delete(name)
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value)
  url.searchParams.set(MARK, "1")
  if (url.href === location.href) return
  if (had) history.pushState({}, "", url)
  else history.replaceState({}, "", url)
}

// Without https a browser has no clipboard for scripts: an old way works there.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const box = Object.assign(document.createElement("textarea"), { value: text })
    document.body.append(box)
    box.select()
    const done = document.execCommand("copy")
    box.remove()
    return done
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".view-bar")
  if (data.silent) {
    root.hidden = true
    window.dispatchEvent(new CustomEvent("gandalf-history", { detail: data }))
    return writeView(data)
  }
  root.gandalf ??= new Bar(root)
  root.gandalf.update(data, setTriggerValue)
  return () => (root.gandalf.destroy(), (root.gandalf = null))
}
