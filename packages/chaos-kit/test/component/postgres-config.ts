/** Where instances live in a container; a tmpfs. */
export const ROOT = '/pg';
/** A file system that is soon full; a tmpfs of 160 MB. */
export const SMALL = '/small';
export const TEMPLATE = `${ROOT}/template`;

const HBA = `
local all all trust
host all postgres all trust
host replication postgres all trust
host all all all scram-sha-256
`;

const CONF = `
listen_addresses = '*'
unix_socket_directories = '/tmp'
shared_buffers = 32MB
max_connections = 60
wal_level = replica
wal_keep_size = 128MB
wal_retrieve_retry_interval = 100ms
log_min_messages = warning
log_line_prefix = '%m [%p] %a '
`;

/** Creates the data directory that every primary is a copy of, with the role and the database that the ledger uses. */
export const initTemplateScript = `
export LC_ALL=C.UTF-8
initdb -D ${TEMPLATE} -U postgres -A trust --locale=C.UTF-8 --no-sync --data-checksums >/dev/null
cat >> ${TEMPLATE}/postgresql.conf <<'X'
${CONF}
X
cat > ${TEMPLATE}/pg_hba.conf <<'X'
${HBA}
X
pg_ctl -D ${TEMPLATE} -o '-p 5400' -l /tmp/template.log -w start >/dev/null
psql -qh /tmp -p 5400 -U postgres -d postgres -c "create role app login password 'secret'" -c 'create database app owner app'
pg_ctl -D ${TEMPLATE} -m fast -w stop >/dev/null
`;
