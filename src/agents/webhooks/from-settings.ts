import { ReplicationError } from '../../errors.ts'
import { checkerOf } from '../../resources/schema.ts'
import { hookFaults, hooksSchema, noticeTypes, type Hook } from '../config/hooks.ts'
import { serverHookOf, type ServerHook } from './notices.ts'

interface Given {
  readonly notifyUrl?: string
  readonly notifySecret?: string
  /** With commas between them. */
  readonly notifyOn: string
}

/** The hook that the settings ask for, if they do. Throws `invalid`. */
export function serverHook({ notifyUrl: url, notifySecret: secret, notifyOn }: Given): ServerHook | undefined {
  if (url === undefined) return undefined
  const on = notifyOn.split(',')
  const unknown = on.find((one) => !noticeTypes.some((known) => known === one))
  if (unknown !== undefined)
    throw new ReplicationError('invalid', `NOTIFY_ON names ${unknown}, which is none of ${noticeTypes.join(', ')}`)
  const hooks = [{ url, on: [...new Set(on)], ...(secret !== undefined && { secret }) }] as Hook[]
  checkerOf(hooksSchema)(hooks)
  const [fault] = hookFaults(hooks, [])
  if (fault !== undefined) throw new ReplicationError('invalid', `NOTIFY_SECRET ${fault.message}`)
  const [hook] = hooks
  return hook && serverHookOf(hook)
}
