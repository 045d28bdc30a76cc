/**
 * Runs inside the page: texts that overlap, a page that scrolls sideways, targets that a thumb would miss, text cut
 * off by its box. Axe sees none of these.
 */
export function layoutFaults(targetMin: number): string[] {
  const faults: string[] = []
  const root = document.documentElement
  if (root.scrollWidth > root.clientWidth) faults.push(`the page scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`)

  const visible = (element: Element): boolean => {
    if (element.closest('.unseen, .skip, noscript, script, style, [hidden]')) return false
    if (element.closest('details:not([open])') && !element.closest('summary')) return false
    const style = getComputedStyle(element)
    return style.visibility !== 'hidden' && style.display !== 'none'
  }
  /** What is left of a box after everything that clips it. */
  const clipped = (box: DOMRect, element: Element): { left: number; top: number; right: number; bottom: number } => {
    let { left, top, right, bottom } = box
    for (let parent: Element | null = element; parent; parent = parent.parentElement) {
      const style = getComputedStyle(parent)
      if (!/auto|scroll|hidden/.test(style.overflow + style.overflowX + style.overflowY)) continue
      const edge = parent.getBoundingClientRect()
      left = Math.max(left, edge.left)
      top = Math.max(top, edge.top)
      right = Math.min(right, edge.right)
      bottom = Math.min(bottom, edge.bottom)
    }
    return { left, top, right, bottom }
  }
  const layer = (element: Element): Element | null => element.closest('.top, .nav')

  const texts: { text: string; element: Element; box: ReturnType<typeof clipped> }[] = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    const text = node.textContent?.trim() ?? ''
    if (!text || !element || !visible(element)) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    for (const box of range.getClientRects()) {
      const left = clipped(box, element)
      if (left.right - left.left > 1 && left.bottom - left.top > 1) texts.push({ text, element, box: left })
      if (!layer(element) && (box.right > root.clientWidth + 1 || box.left < -1) && !element.closest('.table-box')) {
        faults.push(`"${text}" leaves the screen`)
      }
    }
  }
  texts.forEach((first, index) => {
    for (const second of texts.slice(index + 1)) {
      // Bars that stay while the page scrolls beneath them cover text by design.
      if (first.element === second.element || layer(first.element) !== layer(second.element)) continue
      const wide = Math.min(first.box.right, second.box.right) - Math.max(first.box.left, second.box.left)
      const tall = Math.min(first.box.bottom, second.box.bottom) - Math.max(first.box.top, second.box.top)
      if (wide > 2 && tall > Math.max(4, Math.min(first.box.bottom - first.box.top, second.box.bottom - second.box.top) * 0.3)) {
        faults.push(`"${first.text}" and "${second.text}" overlap by ${Math.round(wide)} x ${Math.round(tall)}`)
      }
    }
  })

  for (const target of document.querySelectorAll('a, button, summary, input, select, [role=slider]')) {
    if (!visible(target)) continue
    const box = target.getBoundingClientRect()
    if (box.width + 0.5 < targetMin || box.height + 0.5 < targetMin) {
      faults.push(`target "${target.textContent?.trim()}" is ${Math.round(box.width)} x ${Math.round(box.height)}`)
    }
  }
  return [...new Set(faults)]
}
