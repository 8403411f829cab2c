/** Whether the person is looking at this page now. */
export function isAttentive(): boolean {
  return !document.hidden && document.hasFocus();
}
