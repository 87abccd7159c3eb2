import { InvalidArgumentError } from 'commander'

/** For options that take a number. */
export function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Must be a positive integer')
  return Number(text)
}
