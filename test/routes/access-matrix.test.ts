/** Every route, by itself and with every right: what is expected follows from the need that stands beside it. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { fastify, type HTTPMethods } from 'fastify'
import { comparisonKey } from '../../src/agents/comparisons/records.ts'
import { commandKey, packageKey } from '../../src/agents/commands/records.ts'
import { rights, type Right } from '../../src/access/rights.ts'
import { dashboardRoutes } from '../../src/routes/dashboard-routes.ts'
import { healthRoutes } from '../../src/routes/health-routes.ts'
import type { Need } from '../../src/routes/needs.ts'
import { prefixes } from '../../src/routes/prefixes.ts'
import { addRoutes } from '../../src/routes/table.ts'
import { givenApp, type GivenApp } from './given-app.ts'

interface Route {
  readonly method: HTTPMethods
  readonly url: string
  readonly need: Need | undefined
  readonly looks?: true | undefined
}

async function routesOf({ parts }: GivenApp): Promise<Route[]> {
  const routes: Route[] = []
  const bare = fastify()
  bare.addHook('onRoute', ({ method, url, config }) => {
    for (const one of [method].flat())
      routes.push({ method: one as HTTPMethods, url, need: config?.needs, looks: config?.looks })
  })
  await addRoutes(bare, parts)
  healthRoutes(bare, parts)
  dashboardRoutes(bare)
  return routes
}

const [prefix] = prefixes
const id = (whose: Whose): string => (whose === 'mine' ? '01ARZ3NDEKTSV4RRFFQ69G5FAV' : '01ARZ3NDEKTSV4RRFFQ69G5FAW')
const packageId = (whose: Whose): string => `sha256-${(whose === 'mine' ? 'a' : 'b').repeat(64)}`
type Whose = 'mine' | 'theirs'

/** For each side an agent, and a command, a comparison and a package of it. */
async function givenSides(t: TestContext): Promise<GivenApp> {
  const given = await givenApp(t)
  const { store, configs } = given.parts
  for (const agent of ['mine', 'theirs'] as const) {
    await configs.create(given.config(agent), { actor: 'test' })
    await store.commit({
      writes: [
        { put: commandKey(id(agent)), value: { id: id(agent), statusList: [{ agent, status: 'queued' }] } },
        { put: comparisonKey(id(agent)), value: { id: id(agent), agent } },
        { put: packageKey(packageId(agent) as never), value: { id: packageId(agent), agent } },
      ],
    })
  }
  return given
}

/** A parameter that no route knows: whoever is let in is told so, and nothing is done. */
function addressOf({ url }: Route, whose: Whose): string {
  const path = url
    .replace('/packages/:id', `/packages/${packageId(whose)}`)
    .replace(/(\/hooks|\/items)\/:id/, '$1/01ARZ3NDEKTSV4RRFFQ69G5FAV')
    .replace(':name', whose)
    .replace(':id', id(whose))
    .replace(':number', '1')
    .replace(/:(queue|target)/, 'default')
    .replace(':digest/*', 'x/y')
  assert.doesNotMatch(path, /[:*]/)
  return `${path}?nonsense=1`
}

const letIn = 400
const hasSubject = /\/(agent|config)\/:name|\/(commands|comparisons|packages)\/:id/

function expected({ url, need }: Route, can: Right, whose: Whose): number {
  if (need === 'nothing' || need === 'health' || need === 'metrics' || need === 'somebody') return letIn
  const implied = can === need || can === 'admin' || need === 'read'
  if (!hasSubject.test(url)) return implied && need !== 'admin' ? letIn : 403
  return whose === 'theirs' ? 404 : implied ? letIn : 403
}

test('no route is without a need, and it is the same under each prefix', async (t) => {
  const routes = await routesOf(await givenApp(t))
  assert.ok(routes.length > 200, `${routes.length} routes`)
  assert.deepEqual(
    routes.filter(({ need }) => need === undefined),
    [],
  )
  const below = (one: string): string[] =>
    routes
      .filter(({ url }) => url.startsWith(`${one}/`))
      .map(({ method, url, need }) => `${method} ${url.slice(one.length)} ${need}`)
  for (const other of prefixes.slice(1)) assert.deepEqual(below(other), below(prefix))
  const open = routes.filter(({ need }) => need === 'nothing').map(({ url }) => url)
  assert.deepEqual(
    [...new Set(open)].toSorted(),
    ['/', '/assets/:digest/*', ...prefixes.map((one) => `${one}/session`), '/openapi.json'].toSorted(),
  )
})

test('what changes something is not done by who may only read', async (t) => {
  const routes = await routesOf(await givenApp(t))
  const others = routes.filter(({ method, need }) => !['GET', 'HEAD'].includes(method) && need === 'read')
  // What is asked for there has no room in an address.
  const asking = prefixes.map((one) => ['POST', `${one}/agent/:name/holdings/content`, true])
  assert.deepEqual(
    others.map(({ method, url, looks }) => [method, url, looks]),
    asking,
  )
})

test('each route lets in who has the right that it needs, and nobody else', async (t) => {
  const given = await givenSides(t)
  const routes = (await routesOf(given)).filter(
    ({ url }) => !prefixes.slice(1).some((one) => url.startsWith(`${one}/`)),
  )
  const wrong: string[] = []
  const ask = async (route: Route, whose: Whose, secret: string | undefined, want: number): Promise<void> => {
    const headers = { accept: '*/*', ...(secret !== undefined && { authorization: `Bearer ${secret}` }) }
    const { statusCode } = await given.app.inject({
      method: route.method as 'GET',
      url: addressOf(route, whose),
      headers,
    })
    // The page takes any query; where it is not built it is not there, for whomever.
    if (route.url === '/' ? [401, 403].includes(statusCode) : statusCode !== want)
      wrong.push(`${route.method} ${route.url} (${route.need}), ${whose}: ${statusCode}, not ${want}`)
  }
  const { tokens } = given.parts.access
  const whole = await tokens.create({ name: 'whole', rights: [{ agents: ['*'], can: ['admin'] }], by: 'test' })
  let asked = 0
  for (const can of rights) {
    const made = await tokens.create({ name: `who-${can}`, rights: [{ agents: ['mine*'], can: [can] }], by: 'test' })
    for (const route of routes)
      for (const whose of ['mine', 'theirs'] as const) {
        const want = expected(route, can, whose)
        const before = wrong.length
        await ask(route, whose, made.secret, want)
        if (wrong.length > before) wrong.push(`… with ${can}`)
        asked++
      }
  }
  for (const route of routes) {
    const open = ['nothing', 'health', 'metrics'].includes(route.need ?? '')
    await ask(route, 'mine', undefined, open ? letIn : 401)
    await ask(route, 'theirs', whole.secret, letIn)
  }
  assert.ok(asked > 1000, `${asked} calls`)
  assert.deepEqual(wrong, [])
})
