import { connect, type AddressInfo, type Server } from 'node:net'

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** What comes for these bytes, until the other side closes or nothing has come for `quietMs`. */
export async function exchange(port: number, text: string | Buffer, quietMs = 5000): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(quietMs, () => socket.destroy())
  socket.write(text)
  let answer = ''
  try {
    for await (const chunk of socket) answer += (chunk as Buffer).toString('latin1')
  } catch {
    // It was cut off: what has come is what there is.
  }
  return answer
}

/** The status of each answer in it, in order. */
export function statusesIn(answer: string): number[] {
  return [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status))
}
