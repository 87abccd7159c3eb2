import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** So long somebody who is turned away may take to read why. */
const lingerMs = 1000

/**
 * To be called before an answer that closes the connection although its caller still sends: what he sends is read for a while, and dropped.
 * Closed with bytes unread, the connection would be reset, and the answer lost with it before he has read it (RFC 9112, 9.6).
 */
export function linger(request: IncomingMessage): void {
  const { socket } = request
  // What the server calls once an answer is written that is the last of its connection.
  socket.destroySoon = () => {
    request.unpipe()
    request.resume()
    endSoon(socket)
  }
}

/** Says the last of a connection. Whoever goes on sending would otherwise keep it for as long as he likes. */
export function endSoon(socket: Socket, last = ''): void {
  socket.end(last)
  const end = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(end))
}
