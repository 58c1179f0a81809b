/**
 * Calls back when the page is hidden (minimised, covered, another tab) and when it is seen again. What nobody sees is not
 * drawn: live topics are left meanwhile and caught up with after.
 */
export function onVisibility(listener: (hidden: boolean) => void): void {
  document.addEventListener('visibilitychange', () => listener(document.visibilityState === 'hidden'));
}
