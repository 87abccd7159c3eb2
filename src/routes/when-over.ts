import type { IncomingMessage, ServerResponse } from 'node:http'

/** Calls `end` once, when the answer has been given or the connection is gone: answers that wait behind others are never told of that. */
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, end: () => void): void {
  const over = (): void => {
    response.off('close', over)
    socket.off('close', over)
    end()
  }
  response.once('close', over)
  // As many as requests were sent at once.
  socket.setMaxListeners(0).once('close', over)
}
