export const overlay: { shown: 'palette' | 'help' | null; isTouring: boolean } = $state({ shown: null, isTouring: false })

const TOURED = 'beffroi-toured'

/** Begins the tour for somebody who has not seen it in this browser. */
export function offerTour(): void {
  try {
    if (localStorage.getItem(TOURED)) return
    localStorage.setItem(TOURED, '1')
  } catch {
    // A browser that keeps nothing shows it each time.
  }
  overlay.isTouring = true
}
