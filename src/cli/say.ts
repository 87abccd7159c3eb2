import { once } from 'node:events'

/** To whoever sits there: one line on standard error, for standard output is for data. */
export function say(message: string): void {
  process.stderr.write(`trebuchet: ${message.replaceAll(/\s+/g, ' ')}\n`)
}

/** What goes on, in the words of those who have scripts that read them. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Data, to standard output; waits while nobody reads. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** 12,345 */
export function count(n: number): string {
  return n.toLocaleString('en')
}

/** 1 resource, 12,345 resources */
export function counted(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`
}
