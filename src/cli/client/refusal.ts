import { Ending, exitCodes } from '../ending.ts'

/** What the server said instead of doing it. */
export class Refusal extends Ending {
  readonly status: number

  constructor(status: number, message: string) {
    super(exitCodes.failed, message)
    this.status = status
  }
}
