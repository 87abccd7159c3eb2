import { ReplicationError } from '../../errors.ts'
import type { Pace, TargetDelivery } from '../endpoint.ts'
import type { Answer, HttpCaller } from '../http-caller.ts'
import { namesOf } from './names.ts'
import { uploadOf, type Zip } from './upload.ts'
import { UploadsUnderWay } from './uploads-under-way.ts'

/** Where packages are sent, and with which headers besides. */
export interface Place {
  readonly caller: HttpCaller
  /** The same address tells how much of an upload is there. */
  readonly path: string
}

/** A larger zip is not sent before it was asked whether it is there: that is a way there and back. */
const askedFromBytes = 64 * 1024

const underWay = new UploadsUnderWay()

/**
 * Sends the zip, unless `there` answers that it is there: asked when nobody else sends the same there, and again if somebody did so meanwhile.
 * Whatever comes of that, nobody waits twice.
 */
export async function sendUnlessThere<T>(
  place: Place,
  delivery: TargetDelivery,
  zip: Zip,
  there: () => Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T | Answer> {
  if (zip.bytes <= askedFromBytes) return sendZip(place, delivery, zip, signal)
  const what = `${place.caller.identity} ${delivery.package.id} ${zip.tag}`
  const hasWaited = await underWay.over(what, signal)
  const known = (await there()) ?? (!hasWaited && (await underWay.over(what, signal)) ? await there() : undefined)
  if (known !== undefined) return known
  // Whoever may send faster does not wait for it.
  if (delivery.pace?.isLimited === true) return sendZip(place, delivery, zip, signal)
  return underWay.sending(what, (moved) => sendZip(place, told(delivery, moved), zip, signal))
}

/** The same, telling whenever some of it goes. */
function told(delivery: TargetDelivery, moved: () => void): TargetDelivery {
  const { pace } = delivery
  const take: Pace['take'] = async (wanted, signal) => {
    moved()
    return pace === undefined ? wanted : pace.take(wanted, signal)
  }
  return { ...delivery, pace: { isLimited: false, take } }
}

/** Sends the zip. What broke off goes on where it stopped, if the other server has kept what came of it. */
export async function sendZip(place: Place, delivery: TargetDelivery, zip: Zip, signal: AbortSignal): Promise<Answer> {
  const from = delivery.again === true && zip.isResumable ? await received(place, delivery, zip, signal) : 0
  try {
    return await post(place, delivery, zip, from, signal)
  } catch (error) {
    // It was put together of what does not belong together, or what was there is gone.
    const isOdd = error instanceof ReplicationError && (error.code === 'corrupt' || error.code === 'conflict')
    if (from === 0 || !isOdd || error.transient) throw error
    return post(place, delivery, zip, 0, signal)
  }
}

async function post(
  { caller, path }: Place,
  delivery: TargetDelivery,
  zip: Zip,
  from: number,
  signal: AbortSignal,
): Promise<Answer> {
  const { type, length, body } = uploadOf(delivery, zip, from)
  return caller.call('POST', path, {
    signal,
    headers: {
      ...{ 'content-type': type, 'content-length': String(length) },
      ...namesOf(delivery, zip),
      ...(from > 0 && { 'upload-offset': String(from) }),
    },
    body: () => body(signal).once('end', () => delivery.sent?.()),
  })
}

/** How many bytes are there already. A server that cannot tell has kept none. */
async function received(
  { caller, path }: Place,
  delivery: TargetDelivery,
  zip: Zip,
  signal: AbortSignal,
): Promise<number> {
  try {
    const { body } = await caller.call('GET', path, { signal, headers: namesOf(delivery, zip) })
    const { received: bytes } = body as { received?: unknown }
    return Number.isSafeInteger(bytes) && Number(bytes) < zip.bytes ? Math.max(0, Number(bytes)) : 0
  } catch (error) {
    const isUnknown = error instanceof ReplicationError && (error.code === 'missing' || error.code === 'rejected')
    if (isUnknown && !error.transient) return 0
    throw error
  }
}
