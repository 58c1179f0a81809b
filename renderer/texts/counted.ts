/** A number with its noun: `1 tool`, `2,000 tools`. */
export function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}
