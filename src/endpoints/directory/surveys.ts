import { deliveryOrder, forThread } from '../delivery-order.ts'
import { plainPath } from '../bounds/paths.ts'
import type { Survey, SurveyDelivery } from '../endpoint.ts'
import { regionsOf } from '../mirror.ts'
import { listers, type Listed } from './list.ts'
import type { SurveyedMirror, SurveyOrder } from './survey-thread.ts'
import { touchedBy } from './touched.ts'
import { walks } from './walks.ts'

const thread = new URL('./survey-thread.js', import.meta.url)

/** See Target.survey. */
export async function surveyOf(
  listed: Listed,
  { header, parts, filters, ...delivery }: SurveyDelivery,
  signal: AbortSignal,
): Promise<Survey | undefined> {
  const root = await plainPath(listed.root, listed.paths)
  const order: SurveyOrder = {
    ...{ root, cacheFolder: listed.cacheFolder, header, filters },
    ...deliveryOrder(delivery),
    parts: parts.map(forThread),
  }
  signal.throwIfAborted()
  const found = await walks.lend(delivery.asked, root, regionsOf(header, delivery.paths), (walked) =>
    listers.run<SurveyOrder, SurveyedMirror | undefined>(thread, { ...order, walked }, signal),
  )
  if (found === undefined) return undefined
  const { lane } = order
  return { found, touched: (until) => touchedBy(listed, { lane, name: found.name }, until) }
}

export function surveyedBy(survey: Survey | undefined): SurveyedMirror | undefined {
  return survey?.found as SurveyedMirror | undefined
}

/** As much of it as one package needs. */
export function partOf(found: SurveyedMirror | undefined, id: string): SurveyedMirror | undefined {
  if (found === undefined) return undefined
  const settled = found.settled[id]
  return {
    ...{ name: found.name, parts: found.parts.filter((part) => part.package === id) },
    settled: settled === undefined ? {} : { [id]: settled },
  }
}
