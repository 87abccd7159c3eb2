/** A part of undici, which as a whole takes as long to load as a hundred requests take. */
declare module 'undici/lib/dispatcher/agent.js' {
  export { Agent as default } from 'undici'
}
