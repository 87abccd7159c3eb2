/** What Linux tells of a process in /proc. */
import { readFileSync } from 'node:fs'

/** Linux counts CPU time in this unit for every program, whatever the kernel's own clock. */
const tickMs = 10

/** User and system time since the process `pid` started; with that of its ended children on demand. */
export function cpuMs(pid: number | 'self', children: 'alone' | 'with ended children' = 'alone'): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name of the program stands in parentheses and may hold anything; the state, field 3, follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number)
  return tickMs * (user + system + (children === 'alone' ? 0 : childrenUser + childrenSystem))
}

/** User and system time of the children of this process that have ended. */
export function endedChildrenCpuMs(): number {
  return cpuMs('self', 'with ended children') - cpuMs('self')
}

/** Memory that is the process's own, and not a file's (RssAnon); undefined when the process has ended. */
export function anonymousBytes(pid: number): number | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1')
  } catch {
    return undefined
  }
  const found = /^RssAnon:\s+(\d+) kB$/m.exec(status)
  return found === null ? undefined : Number(found[1]) * 1024
}

/** All that the process has read with a system call, from the page cache and from connections too. */
export function readBytes(pid: number): number {
  const found = /^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))
  if (found === null) throw new Error(`/proc/${pid}/io does not tell rchar`)
  return Number(found[1])
}

/** What all processors of this machine have worked since it started, for everybody and for the kernel itself. */
export function machineCpuMs(): number {
  const [, ...ticks] = (readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '').split(/\s+/).map(Number)
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = ticks
  return tickMs * (user + nice + system + interrupts + softInterrupts + stolen)
}
