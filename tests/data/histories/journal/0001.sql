CREATE TABLE "entry" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "text" text NOT NULL, "parent_id" integer NULL REFERENCES "entry" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "entry_parent_id_1f" ON "entry" ("parent_id");
CREATE TABLE "tag" (name varchar(40) PRIMARY KEY, "weight" real DEFAULT 1.0) WITHOUT ROWID;
CREATE TABLE entry_tag (entry int, tag varchar(40), UNIQUE (entry, tag) ON CONFLICT REPLACE);
