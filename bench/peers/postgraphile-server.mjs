// PostGraphile with the preset that it recommends, over Node's own HTTP server. Started by bench/scenarios/reads.ts.
import { createServer } from 'node:http';
import { postgraphile } from 'postgraphile';
import { makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';

const { databaseUrl, poolSizeMax } = JSON.parse(process.argv[2]);
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined); // the driver ends us

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: databaseUrl, schemas: ['public'], poolConfig: { max: poolSizeMax } })],
  schema: { defaultBehavior: '+list' }, // a list of at most one needs no connection around it
  grafserv: { graphqlPath: '/graphql', watch: false },
});
const server = createServer();
await instance.createServ(grafserv).addTo(server);
server.listen(0, '127.0.0.1', () => {
  process.send({ id: 0, result: { url: `http://127.0.0.1:${server.address().port}/graphql` } });
});
