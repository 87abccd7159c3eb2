import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bytesOf, numberIn } from '../../../chaos/numbers.ts'
import type { Receipt } from '../../../src/endpoints/endpoint.ts'
import { until, type Answer, type Call } from '../client.ts'
import type { Server } from '../server.ts'
import { plant } from '../trees.ts'
import type { Accepted, Command, Item, Page } from '../views.ts'

const files = ['a', 'b', 'c']

/** What one round has sent, each as the id of its command. */
interface Round {
  /** Delivered to the directory and to the other server, in this order. */
  readonly main: readonly string[]
  /** Given up, moved back, and delivered then. */
  readonly moved: string
  readonly skipped: string
}

/** A command of the far server with the delivery that it serves. */
type FarCommand = Command & { readonly delivery?: string }

/** Two servers and what is sent from the one to a directory and to the other, round by round, whatever dies meanwhile. */
export class Scenario {
  readonly #near: Server
  readonly #far: Server
  readonly #folder: string
  readonly #rounds: Round[] = []

  constructor(near: Server, far: Server, folder: string) {
    this.#near = near
    this.#far = far
    this.#folder = folder
  }

  async begin(): Promise<void> {
    plant(this.#at('source'), { content: null })
    const source = { kind: 'directory', path: this.#at('source') }
    await this.#far.client.agent({
      name: 'main',
      targets: [{ name: 'site', kind: 'directory', path: this.#at('target-far') }],
    })
    await this.#near.client.agent({
      ...{ name: 'main', source },
      targets: [
        { name: 'near', kind: 'directory', path: this.#at('target-near') },
        { name: 'far', kind: 'remote', url: this.#far.client.origin, agent: 'main' },
      ],
    })
    await this.#near.client.agent({
      ...{ name: 'errors', source, queue: { onFailure: 'error-queue', attempts: 1 } },
      targets: [{ name: 'folder', kind: 'directory', path: this.#at('target-errors') }],
    })
  }

  get rounds(): number {
    return this.#rounds.length
  }

  /** Everything once, each call made until it is answered. */
  async round(): Promise<void> {
    const number = 3 * this.#rounds.length + 1
    const main = [
      await this.#put(number),
      await this.#send('main', number + 1, { action: 'delete', paths: ['/content/b'] }),
      await this.#put(number + 2),
    ]
    const moved = await this.#giveUpAndMoveBack(number)
    const skipped = await this.#skip(number + 1)
    this.#rounds.push({ main, moved, skipped })
  }

  /** At any moment, also while servers are dead: each file is whole. */
  assertWhole(): void {
    for (const target of ['target-near', 'target-far', 'target-errors'])
      for (const file of files) {
        const place = join(this.#at(target), 'content', file)
        if (existsSync(place)) assert.ok(numberIn(readFileSync(place)) !== undefined, `${target}: ${file} is torn`)
      }
  }

  /** When nothing is under way: all was delivered, once, in order, and both sides say the same. */
  async assertDelivered(): Promise<void> {
    const last = this.#rounds.at(-1)
    for (const id of [...(last?.main ?? []), last?.moved ?? '']) {
      const { state, agents } = await this.#near.client.finished(id)
      assert.equal(state, 'succeeded', JSON.stringify(agents))
    }
    const skipped = await this.#near.client.finished(last?.skipped ?? '')
    assert.equal(skipped.agents[0]?.targets[0]?.state, 'skipped')
    this.assertWhole()
    for (const target of ['target-near', 'target-far'])
      for (const file of files)
        assert.equal(numberIn(readFileSync(join(this.#at(target), 'content', file))), 3 * this.#rounds.length)

    const commands = new Map((await this.#all<Command>(this.#near)).map((command) => [command.id, command]))
    assert.deepEqual(
      [...commands.keys()].toReversed(),
      this.#rounds.flatMap(({ main, moved, skipped }) => [...main, moved, skipped]),
      'what was accepted once is not there once',
    )
    const sent = this.#rounds.flatMap(({ main }) => main)
    const near = receiptsIn(this.#at('target-near'))
    assert.deepEqual(
      near.map(({ delivery }) => delivery),
      sent.map((id) => `${id}/main/near`),
    )
    for (const receipt of near) assert.deepEqual(receiptOf(commands, receipt.delivery), receipt)
    // This target is made anew in each round.
    assert.deepEqual(receiptsIn(this.#at('target-errors')), [receiptOf(commands, `${last?.moved}/errors/folder~1`)])
    await this.#assertFar(commands, sent)
  }

  async #assertFar(commands: ReadonlyMap<string, Command>, sent: readonly string[]): Promise<void> {
    const far = new Map((await this.#all<FarCommand>(this.#far)).map((command) => [command.id, command]))
    const receipts = receiptsIn(this.#at('target-far'))
    const served = receipts.map(({ delivery }) => far.get(delivery.slice(0, 26)))
    assert.deepEqual(
      served.map((command) => command?.delivery),
      sent.map((id) => `${id}/main/far`),
    )
    assert.equal(far.size, sent.length, 'a delivery has made two commands')
    for (const [i, theirs] of receipts.entries()) {
      const ours = receiptOf(commands, served[i]?.delivery ?? '')
      const { package: pkg, entries, bytes } = theirs
      assert.deepEqual(
        { package: ours?.package, entries: ours?.entries, bytes: ours?.bytes },
        { package: pkg, entries, bytes },
      )
      assert.deepEqual(ours?.detail, { command: served[i]?.id })
    }
  }

  async #put(number: number): Promise<string> {
    plant(this.#at('source'), Object.fromEntries(files.map((file) => [`content/${file}`, bytesOf(number, 3000)])))
    const id = await this.#send('main', number, { paths: ['/content'] })
    await this.#untilRead(id)
    return id
  }

  /** The next content may only be written when this one has been read. */
  async #untilRead(id: string): Promise<void> {
    await until('the package', async () => (await this.#near.client.command(id)).agents[0]?.package !== undefined)
  }

  async #giveUpAndMoveBack(number: number): Promise<string> {
    const target = this.#at('target-errors')
    rmSync(target, { recursive: true, force: true })
    writeFileSync(target, 'in the way')
    const id = await this.#send('errors', number, { paths: ['/content/a'] })
    await until('it to be given up', async () => {
      const { body } = await this.#near.client.get<{ items: Item[] }>('/agent/errors/queues/error-folder')
      return body.items.some((item) => item.id === id)
    })
    rmSync(target)
    const move = `/agent/errors/queues/error-folder/items/${id}/move`
    // Done already, when the answer was lost.
    await this.#insist(move, { json: { to: 'folder' } }, [200, 404])
    const command = await this.#near.client.finished(id)
    assert.equal(command.state, 'succeeded', JSON.stringify(command))
    return id
  }

  async #skip(number: number): Promise<string> {
    await this.#insist('/agent/errors/queues/folder/pause', {})
    const id = await this.#send('errors', number, { paths: ['/content/b'] })
    await this.#untilRead(id)
    const skip = `/agent/errors/queues/folder/items/${id}/skip`
    await this.#insist(skip, { json: { reason: 'not wanted' } }, [200, 404])
    await this.#insist('/agent/errors/queues/folder/resume', {})
    return id
  }

  async #send(agent: string, number: number, json: object): Promise<string> {
    const call = { json, headers: { 'idempotency-key': `number-${number}` } }
    return (await this.#insist<Accepted>(`/agent/${agent}/replicate`, call, [202])).body.id
  }

  #insist<T>(path: string, call: Call, statuses: readonly number[] = [200]): Promise<Answer<T>> {
    return until(`${path} to be answered`, async () => {
      const answer = await this.#near.client.post<T>(path, call)
      if (statuses.includes(answer.status)) return answer
      assert.ok(answer.status >= 500 || answer.status === 409, `${path}: ${answer.text}`)
      return undefined
    })
  }

  async #all<T>({ client }: Server): Promise<T[]> {
    const { body } = await client.get<Page<T>>('/commands', { query: { limit: 500 } })
    assert.equal(body.next, undefined)
    return [...body.items]
  }

  #at(name: string): string {
    return join(this.#folder, name)
  }
}

function receiptOf(commands: ReadonlyMap<string, Command>, delivery: string): Receipt | undefined {
  const [id = '', , target = ''] = delivery.replace(/~\d+$/, '').split('/')
  const found = commands.get(id)?.agents[0]?.targets.find((one) => one.target === target)?.receipt
  assert.equal(found?.delivery, delivery)
  return found as Receipt | undefined
}

/** In the order in which they were given; one lane delivers to each of these folders. */
function receiptsIn(folder: string): Receipt[] {
  const own = join(folder, '.trebuchet')
  if (!existsSync(own)) return []
  const [lane = ''] = readdirSync(own)
  const lines = readFileSync(join(own, lane, 'receipts'), 'utf8').split('\n')
  // A receipt that a death has cut off says nothing.
  return lines.filter((line) => line.startsWith('{') && line.endsWith('}')).map((line) => JSON.parse(line) as Receipt)
}
