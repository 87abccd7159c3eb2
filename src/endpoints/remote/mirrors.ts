/** Mirrors in parts to another server: it keeps what is brought to it, and applies nothing before it is given the index. */
import { Readable } from 'node:stream'
import { ReplicationError } from '../../errors.ts'
import { carriesAll, type PackageFile } from '../../packages/manifest.ts'
import type { MirrorDelivery, MirrorsInParts, Receipt, TargetDelivery } from '../endpoint.ts'
import type { Answer, HttpCaller } from '../http-caller.ts'
import { traceOf } from './names.ts'
import { sendUnlessThere, sendZip } from './send.ts'
import { zipOf } from './upload.ts'

/** Nobody's export waits longer for the answer of one server. */
const patienceMs = 3000
/** What one question is about at most. */
const askedAtOnce = 5000
/**
 * What is brought is kept for a day, and for another when it is asked for. Where all of it takes longer to send, what has gone meanwhile
 * is sent again, less of it each time; a server that keeps nothing shall not be sent to for ever.
 */
const mostRounds = 10

export interface FarAgent {
  readonly caller: HttpCaller
  /** Its address for imports. */
  readonly imports: string
  /** Imports what is brought already. */
  readonly apply: (mirror: MirrorDelivery, signal: AbortSignal) => Promise<Receipt>
}

interface Answered {
  readonly needed: readonly string[]
  readonly mirrorsInParts: boolean
}

export function remoteMirrors({
  caller,
  imports,
  apply,
}: FarAgent): MirrorsInParts & Required<Pick<MirrorsInParts, 'taken' | 'bring'>> {
  /** What it last said: it may not be there just now. */
  let known = false
  const ask = async (
    packages: readonly PackageFile[],
    { headers, further = 0 }: { readonly headers?: Record<string, string>; readonly further?: number },
    signal: AbortSignal,
  ): Promise<Answered> => {
    const asked = packages.map(({ id, carries }) => ({
      id,
      ...(carries !== undefined && !carriesAll({ carries }) && { carries: carries.files }),
    }))
    const text = Buffer.from(JSON.stringify({ packages: asked, further }))
    const { body } = await caller.call('POST', `${imports}/needed`, {
      signal,
      headers: { 'content-type': 'application/json', ...headers },
      body: () => Readable.from([text]),
    })
    const { needed, mirrorsInParts } = (body ?? {}) as Partial<Answered>
    if (!Array.isArray(needed) || typeof mirrorsInParts !== 'boolean')
      throw new ReplicationError('rejected', `${caller.origin} does not say what it needs of a mirror`)
    return { needed, mirrorsInParts }
  }
  const kept = { caller, path: `${imports}/packages` }
  const send = async (part: TargetDelivery, signal: AbortSignal): Promise<void> => {
    demandKept(part, await sendZip(kept, part, await zipOf(part), signal))
  }
  const demandKept = (part: TargetDelivery, { body }: Answer): void => {
    const { id } = (body ?? {}) as { id?: unknown }
    if (id !== part.package.id)
      throw new ReplicationError(
        'rejected',
        `${caller.origin} does not say that it has kept package ${part.package.id}`,
      )
  }
  return {
    taken: async (further, signal) => {
      const until = AbortSignal.any([signal, AbortSignal.timeout(patienceMs * (further + 1))])
      try {
        known = (await ask([], { further }, until)).mirrorsInParts
      } catch (error) {
        signal.throwIfAborted()
        // An older one does not know the question, and whoever may not ask it may not send anything either.
        if (error instanceof ReplicationError && !error.transient && error.code !== 'unavailable') known = false
      }
      return known
    },
    bring: async (part, signal) => {
      const there = async (): Promise<'there' | undefined> => {
        const { needed } = await ask([part.package], { headers: traceOf(part) }, signal)
        return needed.length === 0 ? 'there' : undefined
      }
      const answer = await sendUnlessThere(kept, part, await zipOf(part), there, signal)
      if (answer === 'there') part.sent?.()
      else demandKept(part, answer)
    },
    // Its own guard is judged there, before the first part is applied.
    finish: async (mirror, signal) => {
      for (let round = 0; ; round++) {
        const needed = new Set<string>()
        for (let at = 0; at < mirror.parts.length; at += askedAtOnce) {
          const some = mirror.parts.slice(at, at + askedAtOnce)
          for (const id of (await ask(some, { headers: traceOf(mirror) }, signal)).needed) needed.add(id)
        }
        if (needed.size === 0) return apply(mirror, signal)
        if (round === mostRounds)
          throw new ReplicationError(
            'unavailable',
            `${caller.origin} does not keep the parts of a mirror that are sent to it`,
          )
        for (const part of mirror.parts) if (needed.has(part.id)) await send(ofPart(mirror, part), signal)
      }
    },
  }
}

/** A part by itself, of a mirror that is all there. */
function ofPart(
  { sent: _, paths: _paths, parts: _parts, ...mirror }: MirrorDelivery,
  part: PackageFile,
): TargetDelivery {
  return { ...mirror, id: `${mirror.id}/${part.id}`, package: part }
}
