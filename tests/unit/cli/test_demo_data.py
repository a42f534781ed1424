from tenantdb.cli.demo import data


def test_ids_are_all_different_however_many_are_asked_for():
    ids = data.tenants(1000)
    assert len(set(ids)) == 1000
    assert ids[:200] == data.tenants(200)


def test_a_tenant_has_the_same_few_hundred_rows_each_time():
    rows = [*data.users("cedar-labs"), *data.contacts("cedar-labs")]
    assert rows == [*data.users("cedar-labs"), *data.contacts("cedar-labs")]
    assert 150 <= len(rows) <= 450


def test_emails_of_a_tenant_are_unique():
    emails = [user.email for user in data.users("cedar-labs")]
    assert len(set(emails)) == len(emails)


def test_contacts_without_a_company_come_last():
    contacts = data.contacts("cedar-labs", nameless=3)
    assert [contact.company_name is None for contact in contacts].index(True) == len(contacts) - 3
