import type { Task, WorkQueue } from '../work.ts'

/** What a job holds of its task; the queue is known. A board shows the job by its name, which is the task's label. */
export type Ticket = Omit<Task, 'queue'>

export function ticketOf({ key, data, label }: Task): Ticket {
  return { key, data, ...(label !== undefined && { label }) }
}

export function taskOf(queue: WorkQueue, ticket: Ticket): Task {
  return { queue, ...ticket }
}

export function nameOf({ key, label }: Ticket): string {
  return label ?? key
}

/** BullMQ parts its keys with colons. */
export function idOf(key: string): string {
  return key.replaceAll(/[%:]/g, (sign) => (sign === '%' ? '%25' : '%3A'))
}

/** As BullMQ writes a job's options, for jobs that a script of ours describes. */
export function optsOf(key: string): string {
  return JSON.stringify({ de: { id: idOf(key) } })
}
