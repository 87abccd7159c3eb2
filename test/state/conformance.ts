import { after, before, suite, test } from 'node:test'
import { batchTests } from './batches.ts'
import { counterTests } from './counters.ts'
import { entryTests } from './entries.ts'
import { Given, type Place } from './given.ts'
import { lifetimeTests } from './lifetime.ts'
import { logTests } from './logs.ts'
import { behavesLikeTheModel } from './model.ts'

/** What every engine of the Store must do. */
export function storeConformance(name: string, makePlace: () => Promise<Place>): void {
  suite(`${name} keeps the contract of the Store`, () => {
    const given = new Given(makePlace)
    before(() => given.open())
    after(() => given.close())
    entryTests(given)
    batchTests(given)
    counterTests(given)
    logTests(given)
    lifetimeTests(given)
    test('it does what a map in memory does, whatever the batches', () => behavesLikeTheModel(given))
  })
}
