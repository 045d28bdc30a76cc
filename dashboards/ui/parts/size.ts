import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'

export interface Size { width: number; height: number }

/** The size of a box in whole pixels, so that text drawn in it keeps its own size at any width. */
export function useSize(first: Size): { size: Size; box: { current: HTMLDivElement | null } } {
  const box = useRef<HTMLDivElement>(null)
  const size = useSignal(first)
  useEffect(() => {
    const element = box.current
    if (!element) return
    const measure = (): void => {
      const next = { width: Math.floor(element.clientWidth), height: Math.floor(element.clientHeight) }
      if (next.width !== size.peek().width || next.height !== size.peek().height) size.value = next
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return { size: size.value, box }
}
