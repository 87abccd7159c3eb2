import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

export interface StreamEvent {
  readonly id?: string
  readonly type: string
  readonly data: string
}

/** What a stream of server-sent events says, as it comes (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export async function* eventsIn(
  body: Readable,
  hear: { readonly retry: (ms: number) => void; readonly id: (id: string) => void },
): AsyncGenerator<StreamEvent, void, void> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  let fields: Record<string, string> = {}
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const raw of lines) {
      const line = raw.replace(/\r$/, '')
      if (line === '') {
        const { id, event = 'message', data } = fields
        fields = {}
        if (id !== undefined) hear.id(id)
        if (data !== undefined) yield { type: event, data, ...(id !== undefined && { id }) }
        continue
      }
      const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
      if (name === 'retry' && /^\d{1,6}$/.test(value)) hear.retry(Number(value))
      else if (name === 'data') fields['data'] = 'data' in fields ? `${fields['data']}\n${value}` : value
      else if (name === 'id' || name === 'event') fields[name] = value
    }
  }
}
